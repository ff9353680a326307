package tripline.dynamic_code_loading_test

import data.tripline.dynamic_code_loading.match

alert(text) := {"eventName": "mem_prot_alert", "argsByName": {"alert": text}}

test_write_then_execute if match with input as alert("Protection changed from W+E to E!")

test_other_changes_are_not if {
	every text in ["Mmaped region with W+E permissions!", "Protection changed from E to W+E!"] {
		not match with input as alert(text)
	}
}
