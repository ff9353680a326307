# Tripline. `make help` lists the targets; V=1 shows the commands.
SHELL := /bin/bash
GO ?= go
V ?= 0
ifeq ($(V),0)
Q := @
say = @printf '  %-7s %s\n' "$(1)" "$(2)"
else
Q :=
say = @:
endif

BIN     := bin/tripline
OBJECT  := sensor/ebpf/tripline.bpf.o
BPF_SRC := $(wildcard bpf/*.c bpf/include/*.h bpf/Makefile)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# One static binary: libbpf, libelf, zlib and zstd are linked in, names are
# resolved by Go itself, and time zones are known where there are no files of them.
TAGS    := netgo,osusergo,timetzdata
LDFLAGS := -s -w -X main.version=$(VERSION)
STATIC  := -linkmode external -extldflags "-static"
ROOT    := $(shell [ "$$(id -u)" = 0 ] || echo "sudo -E env PATH=$$PATH")
# What no event passes through is not inlined: that takes its code, and the tables
# about it, 2 MB out of the binary.
COLD    := github.com/twmb/franz-go github.com/lestrrat-go github.com/vektah google.golang.org/grpc k8s.io \
           github.com/containerd github.com/prometheus go.yaml.in github.com/spf13 github.com/wneessen github.com/nats-io/jwt \
           github.com/xeipuuv github.com/sirupsen golang.org/x/net golang.org/x/text google.golang.org/genproto
GOBUILD := $(GO) build -trimpath -buildvcs=false -tags $(TAGS) $(COLD:%=-gcflags=%/...=-l) \
           $(patsubst %,-gcflags=%=-l,net/http crypto/tls crypto/x509 text/template text/template/parse html/template net/mail)
# What `make run` passes on: make run ARGS="--rules-dir ./rules/rego".
ARGS    ?=

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## install what building needs (Debian 12 or 13)
	@scripts/deps build

.PHONY: build
build: deps ## build bin/tripline, one static binary
	@$(MAKE) --no-print-directory $(BIN)

.PHONY: $(BIN)
$(BIN): $(OBJECT)
	$(call say,GO,$@)
	$(Q)CGO_ENABLED=1 $(GOBUILD) -ldflags '$(LDFLAGS) $(STATIC)' -o $@ ./cmd/tripline

$(OBJECT): $(BPF_SRC)
	$(Q)$(MAKE) --no-print-directory -C bpf V=$(V)

.PHONY: build-nosensor
build-nosensor: ## build bin/tripline-nosensor without cgo, for machines that run no sensor
	$(call say,GO,bin/tripline-nosensor)
	$(Q)CGO_ENABLED=0 $(GOBUILD) -ldflags '$(LDFLAGS)' -o bin/tripline-nosensor ./cmd/tripline

IMAGE ?= tripline/tripline

.PHONY: image
image: build ## build the image of all stages (needs a running Docker engine), under 60 MB
	@scripts/deps image
	$(call say,IMAGE,$(IMAGE))
	$(Q)VERSION=$(VERSION) scripts/image $(IMAGE):local $(IMAGE):$(VERSION)

.PHONY: image-demo
image-demo: ## build the image of the harmless attacks in deploy/compose (profile demo)
	@scripts/deps image
	$(call say,IMAGE,tripline/demo)
	$(Q)IMAGE=tripline/demo:local test/e2e/attacks/attack image

.PHONY: run
run: build ## build and run the whole pipeline here (needs root)
	@$(ROOT) $(BIN) run $(ARGS)

# The stock nats command, which the tests use as our users do.
NATS := bin/tools/nats
$(NATS):
	@echo "About to install the nats command (natscli 0.5.1) in bin/tools"
	$(Q)GOBIN=$(CURDIR)/bin/tools $(GO) install github.com/nats-io/natscli/nats@v0.5.1

E2E := TRIPLINE_BIN=$(CURDIR)/$(BIN) NATS_BIN=$(CURDIR)/$(NATS)

.PHONY: deps-test
deps-test: ## install what the tests need
	@scripts/deps test
	@$(MAKE) --no-print-directory $(NATS)
	@scripts/deps-prometheus bin/tools

.PHONY: test
test: deps-test ## install what the tests need and run all but the long ones below (root and Docker tests run where they can)
	@$(MAKE) --no-print-directory $(BIN)
	$(call say,TEST,all but the whole pipeline)
	$(Q)$(E2E) $(GO) test -timeout 14m $$($(GO) list ./... | grep -v /test/e2e)

.PHONY: test-e2e
test-e2e: deps-test ## the whole pipeline against the real kernel and a real Docker engine (needs root)
	@$(MAKE) --no-print-directory $(BIN)
	$(call say,TEST,./test/e2e)
	@scripts/deps-compose
	$(Q)$(ROOT) env $(E2E) TRIPLINE_STACK=1 $(GO) test -count=1 -v -timeout 14m ./test/e2e/...

.PHONY: test-stack
test-stack: deps-test ## of test-e2e, only the stack that Compose starts (needs root)
	@$(MAKE) --no-print-directory $(BIN)
	@scripts/deps-compose
	$(call say,TEST,the stack)
	$(Q)$(ROOT) env $(E2E) TRIPLINE_STACK=1 $(GO) test -count=1 -v -timeout 9m -run '^TestStack' ./test/e2e

# What make test-faults breaks things for, by which seed; FOR=10m SEED=3 is the
# long one.
FOR  ?= 100s
SEED ?= 1

.PHONY: test-faults
test-faults: deps-test ## kill, stop and cut off stages and the server, then overload them: nothing may be lost uncounted or doubled (needs root; FOR=10m SEED=3)
	@$(MAKE) --no-print-directory $(BIN)
	$(call say,TEST,./test/faults)
	$(Q)$(ROOT) env $(E2E) TRIPLINE_FAULTS_FOR=$(FOR) TRIPLINE_FAULTS_SEED=$(SEED) TRIPLINE_OVERLOAD_FOR=10s \
		$(GO) test -count=1 -v -timeout 30m -run '^Test(Faults|FullDisk|Overload)$$' ./test/faults

.PHONY: test-kernels
test-kernels: $(OBJECT) ## the sensor's tests on Debian's 5.10, 6.1 and 6.12 in QEMU, and docs/kernels.md of what they say (needs root)
	@scripts/deps kernels
	@$(MAKE) --no-print-directory $(BIN)
	@$(ROOT) env GO=$(GO) KERNELS='$(KERNELS)' RUN='$(RUN)' scripts/test-kernels

.PHONY: bench-storm-pipeline
bench-storm-pipeline: deps-test ## 55 attacks in a flood, through the whole pipeline with all rules (needs root)
	@$(MAKE) --no-print-directory $(BIN)
	$(Q)$(ROOT) env $(E2E) TRIPLINE_STORM_FOR=30s $(GO) test -count=1 -v -timeout 10m -run '^TestStorm$$' ./test/faults

.PHONY: bench-overload
bench-overload: deps-test ## a minute of three times what comes through: what is lost is counted to the event (needs root)
	@$(MAKE) --no-print-directory $(BIN)
	$(Q)$(ROOT) env $(E2E) TRIPLINE_OVERLOAD_FOR=1m $(GO) test -count=1 -v -timeout 10m -run '^TestOverload$$' ./test/faults

.PHONY: bench-scale
bench-scale: deps-test ## events per second and processor second with 1 to 4 matchers on three hosts (needs root)
	@$(MAKE) --no-print-directory $(BIN)
	$(Q)$(ROOT) env $(E2E) TRIPLINE_SCALE_EVENTS=73728 $(GO) test -count=1 -v -timeout 20m -run '^TestScale$$' ./test/faults

# The packages where goroutines meet.
RACE := ./internal/... ./sensor ./sensor/replay ./enricher/... ./matcher ./matcher/golang ./notifier/... ./pkg/msg

.PHONY: test-race
test-race: $(OBJECT) ## the tests of what runs concurrently, under the race detector
	$(call say,RACE,$(RACE))
	$(Q)$(GO) test -race -timeout 14m $(RACE)

.PHONY: bench
bench: ## what a system call costs, and how many events per second the pipeline carries
	@scripts/deps build
	@$(MAKE) --no-print-directory $(BIN)
	@$(ROOT) env TRIPLINE_BIN=$(CURDIR)/$(BIN) scripts/bench

.PHONY: bench-sink
bench-sink: ## how many stored detections a second the notifier writes to a file
	$(Q)$(GO) test -run '^$$' -benchtime 1x -count 3 -bench 'ToFile|Stage' ./test/notify

.PHONY: bench-sensor
bench-sensor: $(OBJECT) ## what the sensor costs: a call that nobody asked for, open+close, find and fork-exec, and floods within and beyond what the ring takes
	$(Q)$(ROOT) $(GO) test -count=1 -run '^TestDrops$$' -v -bench 'Syscall|OpenClose|Commands|Flood' -benchtime 1x -timeout 15m ./sensor/ebpf | grep -v '^=== ' | tr '\t' '\n' | grep -v '^ *$$'

.PHONY: bench-storm
bench-storm: $(OBJECT) ## 55 attacks while one process opens and closes files at full speed for 30 s: how many does the sensor tell of?
	$(Q)$(ROOT) env TRIPLINE_TEST_STORM=30s $(GO) test -count=1 -run '^TestStorm$$' -v -timeout 5m ./sensor/ebpf

.PHONY: bench-expr
bench-expr: ## events per second of rules in YAML, in three ways (RULES=directory takes its files instead of ours)
	$(Q)TRIPLINE_BENCH_RULES='$(if $(RULES),$(abspath $(RULES)))' $(GO) test -run '^$$' -bench '^BenchmarkRates$$' -benchtime 1x ./matcher/expr

.PHONY: bench-rego
bench-rego: ## the same events and Rego signatures, evaluated as Tracee does and as Tripline does
	@GO=$(GO) scripts/bench-rego

.PHONY: bench-enricher
bench-enricher: ## the enricher on one core: events per second by live processes, memory of a process, a churn of a million
	$(Q)$(GO) test -run '^$$' -cpu 1 -benchtime 3s -bench '^BenchmarkEvents$$' ./enricher/builtin
	$(Q)$(GO) test -run '^$$' -cpu 1 -benchtime 1x -bench '^BenchmarkMemory$$' ./enricher/builtin
	$(Q)$(GO) test -run '^$$' -cpu 1 -benchtime 1000000x -bench '^BenchmarkChurn$$' ./enricher/builtin

.PHONY: test-runtimes
test-runtimes: deps-test ## how much is known of the first processes of 200 short-lived containers of each runtime; 70000 processes on few pids (needs root)
	@$(MAKE) --no-print-directory $(BIN)
	$(Q)$(ROOT) env $(E2E) TRIPLINE_TEST_CONTAINERS=200 TRIPLINE_TEST_PROCESSES=70000 \
	  $(GO) test -count=1 -v -timeout 30m -run '^(TestShortLivedContainers|TestLineageWhenPidsComeAgain)$$' ./test/e2e

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: lint
lint: $(OBJECT) ## check style: Go by golangci-lint, C by clang-format
	@scripts/deps lint
	$(call say,LINT,Go)
	$(Q)$(GO) run $(GOLANGCI) run ./...
	$(call say,LINT,C)
	$(Q)clang-format --dry-run --Werror bpf/*.c bpf/include/*.h

PROTO_OPT := module=github.com/tripline/tripline
MSG       := github.com/tripline/tripline/pkg/msg

.PHONY: generate
generate: ## make the generated Go anew (protobuf, catalogue)
	@scripts/deps generate
	$(call say,PROTO,pkg/msg/tripline.proto)
	$(Q)mkdir -p bin/tools
	$(Q)$(GO) build -o bin/tools/ google.golang.org/protobuf/cmd/protoc-gen-go github.com/planetscale/vtprotobuf/cmd/protoc-gen-go-vtproto
	$(Q)PATH=$(CURDIR)/bin/tools:$$PATH protoc -I pkg/msg --go_out=. --go_opt=$(PROTO_OPT) --go-vtproto_out=. \
	  --go-vtproto_opt=$(PROTO_OPT),features=marshal+unmarshal+unmarshal_unsafe+size+pool,pool=$(MSG).Batch,pool=$(MSG).Event tripline.proto
	$(call say,GEN,catalogue)
	$(Q)$(GO) generate ./pkg/msg/catalogue/...

.PHONY: clean
clean: ## remove what was built
	$(Q)rm -rf bin $(OBJECT)
	$(Q)$(MAKE) --no-print-directory -C bpf clean
