# make run        build, then the smoke suite on the embedded lab: a verdict in about a minute
# make test       vet and every quick test (at most 5 minutes on two cores)
# make test-ci    lint, race detector, the planted bugs, the lab runs, fuzzing (at most 25 minutes)
# make lint       gofmt, vet, staticcheck, govulncheck
# make build      bin/verify and bin/raftd, static
# make bench      every benchmark
# make bench-etcd  FOR=5s ROUNDS=3 TRIALS=20: raftd against etcd, in 15 minutes; writes bench/RESULTS.md
# make bench-million  KEYS=1000000: raftd's memory, stalls and restart with as many keys
# make sim        FOR=10m: simulates raftd under as many seeds as fit
# make bench-sim  SEEDS=100000: how fast the simulator is on one core, and its memory on the way
# make run-bug    BUG=leader-local-read | even-quorum: builds a wrong raftd and shows it being caught
# make sim-bugs   BUGS=figure-8,even-quorum: the simulator hunts planted bugs (default: all); a table
# make sim-agreement  SEEDS=100000 BUG_SEEDS=1000: where the witness holds the checker accepts, bugs or not
# make torture    ROUNDS=200 BUG=: cuts the power of random majorities of the lab's hosts under load
# make matrix     SEEDS=20 JOBS=2: availability under each shape of fault, simulated and then on the lab
# make incidents  RUNS=10 JOBS=2: each incident as often, under each set of options, on the lab
# make nightly    an hour of runs on the lab; make gate: may this build be released
# make run-rolling  upgrades and downgrades a cluster node by node, under load and partitions
# make bench-checkers  MOST=1000000: how fast the checker decides up to so many operations, and porcupine
# make check-agreement  HISTORIES=1000000: so many small histories of each type, against porcupine
# make check-online  OPERATIONS=10000000: watches so long a history as it grows; speed and memory
# make check-histories  COLLECTION=DIR: judges histories of other tools, and compares with known verdicts
# make fuzz       FOR=10s: every fuzz target for that long
# make kill-loop  KILLS=20: kills the controller at random instants; the hosts must heal themselves
# make kill-loop-hosts  KILLS=20 RIGS=4: the same on hosts with OpenSSH and sudo, in every phase

FOR ?= 10s
SEEDS ?= 100000
RUNS ?= 10
JOBS ?= 2
KILLS ?= 20
COLLECTION ?= ../shared/histories
OPERATIONS ?= 10000000
HISTORIES ?= 1000000
BUG_SEEDS ?= 1000
MOST ?= 1000000
RIGS ?= 4
KEYS ?= 1000000
TRIALS ?= 20

# A clone that belongs to someone else has no version information that git would give out.
export GOFLAGS := -buildvcs=false

STATIC := CGO_ENABLED=0 go build -trimpath -ldflags '-s -w'
# The core, the replica and the frames start no goroutine: there is nothing to race with.
RACE := ./history ./chance ./workload/... ./nemesis/... ./raft/kv ./raft/wal ./raft/server ./target ./runner ./suite ./sim ./sim/campaign
LAB := go test -count=1 -tags lab -v

.PHONY: help torture run test test-ci lint build bench bench-etcd bench-million bench-build sim bench-sim run-bug sim-bugs sim-agreement matrix incidents nightly gate run-rolling bench-checkers check-agreement check-online check-histories fuzz kill-loop kill-loop-hosts setup setup-test setup-hosts

help:
	@sed -n "s/^# \(make [a-z-]*  .*\)/\1/p" Makefile

setup:
	@.ci/require iptables

# What the acceptance tests put under test, or make hosts of. No service is started or enabled.
setup-hosts: setup
	@.ci/require sshd=openssh-server sudo ip=iproute2 setpriv=util-linux tcpdump \
		etcd=etcd-server redis-server python3 chromium

build:
	$(STATIC) -o bin/ ./cmd/verify ./cmd/raftd

# Whatever a recipe exits with, make exits with 2: so the recipe prints the code of the binary.
run: setup build
	@bin/verify run configs/smoke.yaml; code=$$?; echo "exit $$code"; exit $$code

run-bug: setup build
	@[ -f 'configs/bugs/$(BUG).yaml' ] || { \
		echo "BUG=$(BUG) has no suite on the lab, as $(patsubst configs/bugs/%.yaml,%,$(wildcard configs/bugs/*.yaml)) have" >&2; \
		echo "hint: the simulator hunts every planted bug: make sim-bugs BUGS=$(BUG)" >&2; exit 64; }
	@go run ./mutants/build '$(BUG)' 'bin/raftd-$(BUG)'
	@bin/verify run 'configs/bugs/$(BUG).yaml' --binary 'bin/raftd-$(BUG)'; \
		code=$$?; echo "exit $$code"; exit $$code

sim: FOR = 10m
sim: build
	@bin/verify sim --for $(FOR); code=$$?; echo "exit $$code"; exit $$code

# Short seeds are what the goals of speed are about, with garbage let pile up as campaigns do; a
# campaign also draws long seeds.
bench-sim: build
	GOMAXPROCS=1 GOGC=800 go test -run '^$$' -bench '^BenchmarkShortSeeds$$' -benchtime 10s ./sim
	GOMAXPROCS=1 bin/verify sim --seeds 1..$(SEEDS) --workers 1 >/dev/null

sim-bugs:
	@go run ./mutants/score -bugs '$(BUGS)'

# With BUG=ack-before-sync or BUG=name-unsynced it must turn red within ten rounds.
torture: ROUNDS = 200
torture: setup build
	@[ -z '$(BUG)' ] || go run ./mutants/build '$(BUG)' 'bin/raftd-$(BUG)'
	@bin/verify torture --rounds $(ROUNDS) $(if $(BUG),--binary 'bin/raftd-$(BUG)'); \
		code=$$?; echo "exit $$code"; exit $$code

sim-agreement:
	@go run ./mutants/score -bugs '$(BUGS)' -clean $(SEEDS) -agree $(BUG_SEEDS)

matrix: SEEDS = 20
matrix: setup build
	@bin/verify matrix configs/matrix.yaml --place sim --seeds $(SEEDS)
	@bin/verify matrix configs/matrix.yaml --place lab --jobs $(JOBS)

# What the lab lacks is simulated.
incidents: setup build
	@.ci/incidents lab $(RUNS) $(JOBS)

nightly gate: setup build
	@bin/verify campaign configs/$@.yaml; code=$$?; echo "exit $$code"; exit $$code

run-rolling: setup build
	@CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.Build=next' -o bin/raftd-next ./cmd/raftd
	@bin/verify run configs/rolling.yaml; code=$$?; echo "exit $$code"; exit $$code

# Tests make firewalls with nft and follow a README with curl; where those may not be installed, the
# tests are skipped by name.
setup-test: setup
	@[ "$$(id -u)" != 0 ] || .ci/require nft=nftables curl

test: setup-test
	go vet ./...
	.ci/test ./...
	cd bench && go vet ./... && go test ./...

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then \
		echo "not formatted by gofmt:" $$unformatted; exit 1; fi
	go vet ./...
	go vet -tags lab ./...
	go tool -modfile=tools/go.mod staticcheck -tags lab ./...
	.ci/vulnerabilities

test-ci: setup setup-hosts lint build
	@.ci/require gcc
	go test -race $(RACE)
	.ci/sim
	$(MAKE) check-agreement HISTORIES=20000
	.ci/incidents sim 3 2
	bin/verify matrix configs/matrix.yaml --place sim --seeds 3
	.ci/arm64
	.ci/fuzz 10000x
	go run ./mutants/score -bugs vote-despite-log,append-unchecked,heartbeat-commits-unmatched
	.ci/lab

bench: setup build
	go test -run '^$$' -bench . -benchmem ./...
	go test -run '^$$' -bench . -tags lab ./acceptance

# The bench is a module of its own, and so is the etcd that it runs. What it runs keeps its data below
# bench/, on the disk of the working tree.
bench-build:
	CGO_ENABLED=0 go build -trimpath -o bench/.cache/raftd ./cmd/raftd
	cd targets/etcd && CGO_ENABLED=0 go build -trimpath -o ../../bench/.cache/etcd .
	cd bench && CGO_ENABLED=0 go build -trimpath -o .cache/bench .

bench-etcd: FOR = 5s
bench-etcd: ROUNDS = 3
bench-etcd: bench-build
	@cd bench && exec .cache/bench -for $(FOR) -rounds $(ROUNDS) -trials $(TRIALS) -results RESULTS.md

bench-million: FOR = 5s
bench-million: bench-build
	@cd bench && exec .cache/bench -for $(FOR) -only million -keys $(KEYS)

bench-checkers:
	go run ./checker/measure -most $(MOST)

check-agreement:
	cd checker/agreement && go test -count=1 -timeout 0 -run '^TestAgreement$$' -histories $(HISTORIES)

check-online:
	go test -count=1 -v -run '^TestEndurance$$' -timeout 30m ./checker/online -operations $(OPERATIONS)

check-histories:
	go run ./exchange/collection -dir '$(COLLECTION)'

fuzz:
	.ci/fuzz $(FOR)

kill-loop: setup build
	$(LAB) -timeout 60m -run '^TestKilledController$$' ./acceptance -kills $(KILLS)

kill-loop-hosts: setup-hosts build
	$(LAB) -timeout 90m -run '^TestKilledControllerOnHosts$$' -parallel $(RIGS) ./acceptance \
		-kills $(KILLS) -rigs $(RIGS)
