# The few verbs of this tree; each is what CI runs, too.
.PHONY: help build release test race fuzz bench prove ci golden proto

help:      ## show these verbs
	@grep -E '^[a-z]+: +##' Makefile | sed 's/:  *## /\t/'

build:     ## the program as it is given away: without symbols, a quarter smaller
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o rhizome ./cmd/rhizome

release:   ## archives for Linux, macOS and Windows with checksums, in dist; the same commit gives the same bytes
	go run ./internal/release -o dist

test:      ## the test command of the README
	go test ./...

race:      ## the tests under the race detector
	go test -race -short ./...

fuzz:      ## each decoder for half a minute
	FUZZTIME=30s .ci/run

bench:     ## the engine's benchmarks, with their denominators
	go run ./cmd/rhizome bench engine

prove:     ## the promises, each as often as its floor says
	go run ./cmd/rhizome prove

ci:        ## everything that a change must pass
	.ci/run

golden:    ## write the golden files again; read the diff
	go test ./internal/engine ./internal/compile ./internal/op ./snapshot ./internal/journal ./internal/program ./internal/roles/backend ./internal/job/kinds/federated -rewrite
	go test ./cmd/rhizome -run TestDocumentsShowWhatHappens -rewrite
	go test ./internal/host/record -run Schema -rewrite
	go test ./formats -rewrite

proto:     ## generate the ONNX types again
	go generate ./internal/onnx
