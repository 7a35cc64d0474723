# One word per task; on a bare Debian 12 only make and git need to be there.
#   make setup    install the Debian packages that are missing
#   make build    the program, the library and the tests, in build/release
#   make test     everything: C++ and Python tests, then the C++ tests again under sanitizers
#   make test-threads  rooms that threads meet in, and a mosaic, under ThreadSanitizer (not part of make test: it takes long to build)
#   make demo     a simulated stack to a mosaic and a catalogue, compared with the truth
#   make bench    timings beside those of other programs, some twenty minutes; BENCH=--quick for a look
#   make docs     the tables of options in docs/steps, man pages and completion
#   make install  [PREFIX=/usr/local] [DESTDIR=]
#   make clean    remove what was built
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
PYTHON := /usr/bin/python3

.PHONY: all setup build test test-threads demo bench docs install clean
all: build

setup:
	@scripts/setup.sh build test peers
	@scripts/arrow.sh

build:
	@scripts/setup.sh build test
	@scripts/arrow.sh
	@scripts/build.sh release $(JOBS)

test: setup
	@scripts/build.sh release $(JOBS)
	@scripts/test.sh $(JOBS)

test-threads: build
	@scripts/test_threads.sh $(JOBS)

demo: build
	@scripts/demo.sh

bench: setup
	@scripts/build.sh release $(JOBS)
	@cmake -S . -B build/release -DTESSERA_BENCH=ON >/dev/null && cmake --build build/release --target bench_floor --parallel $(JOBS)
	@$(PYTHON) bench/run.py $(BENCH)

docs: build
	@cmake --build build/release --target documents
	@$(PYTHON) scripts/make_docs.py
	@echo "man pages in build/release/documents/man, completion in build/release/documents/completion"

install: build
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

clean:
	rm -rf build demo-out
