# Two commands matter: `make demo` builds a site in a local lab and proves it, `make test` runs everything.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests demo demo-enrol demo-down lint unit unit-next integration molecule test unit-all faults faults-dns bench probes field enrolment enrolment-lab tables docs clean

SCENARIO ?=
REVOKE ?=
VENV := .venv/bin/python

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

setup: ## virtual environment, Debian packages and Docker engine, where they are missing
	@tests/tools/setup

setup-tests:
	@tests/tools/setup tests

demo: setup ## build the site "demo" in a local lab, prove it, and leave it running
	@$(VENV) -m tests.lab.demo inventories/lab

demo-enrol: setup ## a PC that nobody can reach becomes the gateway of the site "far", in a lab of its own; REVOKE=1 locks it out as well
	@$(VENV) -m tests.lab.enrol inventories/lab-enrol $(if $(REVOKE),--revoke)

demo-down: setup ## remove the labs of `make demo` and `make demo-enrol` and nothing else
	@$(VENV) -m tests.lab down --forget inventories/lab
	@$(VENV) -m tests.lab down --forget inventories/lab-enrol

lint: setup-tests ## static checks
	@$(VENV) -m tests.tools.parts lint

unit: setup ## tests without a lab
	@$(VENV) -m tests.tools.parts unit

unit-next: ## the same on the newest ansible-core there is, release candidates included
	@tests/tools/setup next
	@.venv-next/bin/python -m pytest tests/unit

integration: setup-tests ## modules, endpoint and forwarder against real services
	@$(VENV) -m tests.tools.parts integration

molecule: setup-tests ## roles in labs of their own; SCENARIO=name runs one
	@$(VENV) -m tests.tools.parts molecule $(if $(SCENARIO),--scenario $(SCENARIO))

test: setup-tests ## lint, unit, integration, molecule
	@$(VENV) -m tests.tools.parts --lanes 3 lint unit integration molecule

faults: setup-tests ## random faults on real servers: N=<runs> SEED=<first seed> LANES=<runs at once>
	@$(VENV) -m tests.faults --runs $(or $(N),5) --seed $(or $(SEED),1) --lanes $(or $(LANES),1)

faults-dns: setup ## clients that write a company's zone are killed and meet each other: N=<runs> SEED=<first seed>
	@$(VENV) -m tests.names --runs $(or $(N),200) --seed $(or $(SEED),1)

bench: setup-tests ## the forwarder against the manual's script, curl, and the scanner alone, over a simulated line; ONLY=noop or noop-sites
	@$(VENV) -m tests.bench $(if $(ONLY),--only '$(ONLY)')

probes: setup ## who is let in and who is not: every row of tests/probes/table against the lab of `make demo`; ONLY='g-*'
	@$(VENV) -m tests.probes $(if $(ONLY),--only '$(ONLY)')

field: setup ## public and odd DICOM files through the lab of `make demo`: UID, MD5, first and last frame
	@$(VENV) -m tests.field

unit-all: setup ## the same with every case of the tests that take seconds each
	@MEDIVERSE_LONG=1 $(VENV) -m tests.tools.parts unit

enrolment: setup-tests ## every case of the enrolment of a PC, and each cut off at every moment and run again
	@MEDIVERSE_LONG=1 $(VENV) -m pytest tests/unit/access

enrolment-lab: setup-tests ## the same on fresh simulated PCs at a real hub
	@MEDIVERSE_LONG=1 $(VENV) -m tests.tools.parts molecule --scenario gateway_access

tables: setup ## the tables of variables in the roles' READMEs, from their argument specifications
	@$(VENV) -m tests.tools.role_tables

docs: setup-tests ## guides, roles and plugins as pages to read in a browser, in .cache/site
	@$(VENV) -m tests.tools.docsite

clean: ## remove labs, images, caches and the virtual environment of this checkout
	@tests/tools/clean
