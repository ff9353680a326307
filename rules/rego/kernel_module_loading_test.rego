package tripline.kernel_module_loading_test

import data.tripline.kernel_module_loading.match

test_from_memory if match with input as {"eventName": "init_module", "argsByName": {}}

read(type) := {"eventName": "security_kernel_read_file", "argsByName": {"pathname": "/tmp/x.ko", "type": type}}

test_from_a_file if match == {"pathname": "/tmp/x.ko"} with input as read("kernel-module")

test_firmware_is_not if not match with input as read("firmware")
