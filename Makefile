# Every command of the project. `make help` lists them; setup/ targets are done once and remembered in .venv/.stamps.

PYTHON_IN_VENV := .venv/bin/python
STAMPS := .venv/.stamps
ROS_FLAVOUR := $(if $(ROS_DISTRO),apt,wheels)
CONSTRAINTS := constraints/$(if $(ROS_DISTRO),py312-apt,py311-wheels).txt
PACKAGES := $(wildcard ros2_ws/src/*/setup.py ros2_ws/src/*/setup.cfg) training/pyproject.toml
INTERFACES := $(wildcard ros2_ws/src/inspire_msgs/*/*.msg ros2_ws/src/inspire_msgs/*/*.srv ros2_ws/src/inspire_msgs/*/*.action) \
	ros2_ws/src/inspire_msgs/CMakeLists.txt ros2_ws/src/inspire_msgs/package.xml
LINTED := ros2_ws/src training scripts tests examples

# The demo's options. One that nobody set is left out, so that the defaults stay in one place: the program's own. The values
# travel through the environment, so that the shell never reads what stands in an instruction.
export INSTRUCTION SEED MODE COMMANDER WORLD TASK BUNDLE TICKS OUT CSV
option = $(if $(filter command environment,$(origin $(1))),--$(2) "$$$(1)")

.DEFAULT_GOAL := help
.NOTPARALLEL: # two pip processes in one environment disturb each other
.PHONY: help setup setup-training setup-libero setup-lerobot setup-ray setup-development setup-browser demo doctor bench faults soak frames bench-exchange bench-rendering train test coverage lint format clean clean-venv

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: $(STAMPS)/packages ## everything the demo needs: system packages, .venv, ROS 2, simulation, policy runtime
setup-training: $(STAMPS)/training ## torch and what training, export and evaluation need
setup-libero: $(STAMPS)/libero ## the LIBERO worlds
setup-lerobot: $(STAMPS)/lerobot ## LeRobotDataset, to and from
setup-ray: $(STAMPS)/ray ## evaluation on several cores or a cluster
setup-development: $(STAMPS)/development ## pytest, ruff, mypy
setup-browser: ## a browser without a window, 96 MB: opens reports in a test, which is skipped without one
	@scripts/browser.sh

demo: setup $(if $(filter libero%,$(WORLD)),setup-libero) ## run arm, gate and policy: INSTRUCTION SEED MODE COMMANDER WORLD TASK BUNDLE
	@scripts/in_ros.sh $(PYTHON_IN_VENV) -m inspire_bringup.demo $(call option,INSTRUCTION,instruction) $(call option,SEED,seed) \
		$(call option,MODE,mode) $(call option,COMMANDER,commander) $(call option,WORLD,world) $(call option,TASK,task) $(call option,BUNDLE,bundle)

doctor: ## what this machine has, what it lacks and how to mend it: BUNDLE
	@test -x $(PYTHON_IN_VENV) || { echo "error: expected the virtual environment .venv, found none; run: make setup" >&2; exit 2; }
	@scripts/in_ros.sh $(PYTHON_IN_VENV) -m inspire_bringup.doctor $(call option,BUNDLE,bundle)

bench: setup setup-training ## a tick beside its peers and the floor of this machine, and through ROS against the limits: TICKS CSV
	@scripts/in_ros.sh .venv/bin/inspire bench --ros-ticks "$${TICKS:-200}" $(call option,CSV,csv)

bench-exchange: setup ## another bundle takes the running one's place: missed control periods, in realtime
	@scripts/in_ros.sh $(PYTHON_IN_VENV) -m inspire_bringup.exchange_benchmark $(call option,BUNDLE,bundle)

bench-rendering: setup $(if $(filter libero%,$(WORLD)),setup-libero) ## time of an image, as robosuite draws it and as the worlds here do: WORLD
	@$(PYTHON_IN_VENV) -m inspire_sim.render_benchmark $(if $(filter command environment,$(origin WORLD)),"$$WORLD")

faults: setup ## the fault matrix: each kind 1000 times on the gate's core, then 5 times through the graph; fails on any violation
	@$(PYTHON_IN_VENV) -m inspire_arm.faults
	@scripts/in_ros.sh $(PYTHON_IN_VENV) -m inspire_bringup.faults

soak: setup ## ten minutes of episodes: memory of each process grows by less than 1 %
	@scripts/in_ros.sh $(PYTHON_IN_VENV) -m inspire_bringup.soak

frames: setup ## 100,000 VGA images through the shipped DDS profile: none is lost
	@scripts/in_ros.sh $(PYTHON_IN_VENV) -m inspire_bringup.soak_frames

train: setup-training ## demonstrations, codec, training, DAgger and export of the tabletop policy
	@scripts/in_ros.sh .venv/bin/inspire recipe tabletop

test: setup setup-training setup-libero setup-lerobot setup-development ## every test: PYTEST_ARGS="-k gate"
	@scripts/in_ros.sh $(PYTHON_IN_VENV) -m pytest -rs $(PYTEST_ARGS)

coverage: setup setup-training setup-development ## lines of policy, arm and camera that tests run, nodes' processes included; fails below 95 %
	@scripts/in_ros.sh scripts/coverage.sh

lint: setup setup-development ## ruff and mypy
	@$(PYTHON_IN_VENV) -m ruff check $(LINTED)
	@$(PYTHON_IN_VENV) -m ruff format --check $(LINTED)
	@$(PYTHON_IN_VENV) -m mypy

format: setup-development ## let ruff put imports and lines in order
	@$(PYTHON_IN_VENV) -m ruff check --fix $(LINTED)
	@$(PYTHON_IN_VENV) -m ruff format $(LINTED)

clean: ## remove what building and running made, but not .venv, runs/ and data/
	rm -rf build training/build ros2_ws/src/*/build ros2_ws/build ros2_ws/install ros2_ws/log .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find $(LINTED) -name __pycache__ -type d -prune -exec rm -rf {} +

clean-venv: ## remove the virtual environment
	rm -rf .venv

# Each stamp depends on what would make its step come out differently; behind a | stands what must only be there before.
$(STAMPS)/venv-$(ROS_FLAVOUR): scripts/create_venv.sh scripts/system_packages.sh scripts/find_python.sh scripts/common.sh
	@scripts/system_packages.sh
	@scripts/create_venv.sh
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/demo: $(STAMPS)/venv-$(ROS_FLAVOUR) $(CONSTRAINTS) requirements/ros-$(ROS_FLAVOUR).txt requirements/demo.txt requirements/demo-nodeps.txt scripts/install_requirements.sh
	@scripts/install_requirements.sh ros-$(ROS_FLAVOUR) demo
	@touch $@

$(STAMPS)/ros: $(STAMPS)/demo $(INTERFACES) $(if $(ROS_DISTRO),$(PACKAGES)) scripts/build_ros.sh scripts/fix_wheel_paths.py
	@scripts/build_ros.sh
	@touch $@

$(STAMPS)/packages: $(PACKAGES) scripts/install_packages.sh | $(STAMPS)/ros
	@scripts/install_packages.sh
	@touch $@

$(STAMPS)/training: requirements/training.txt $(CONSTRAINTS) scripts/install_requirements.sh | $(STAMPS)/packages
	@scripts/install_requirements.sh training
	@touch $@

$(STAMPS)/libero: requirements/libero.txt requirements/libero-nodeps.txt $(CONSTRAINTS) scripts/install_requirements.sh | $(STAMPS)/packages
	@scripts/install_requirements.sh libero
	@touch $@

$(STAMPS)/lerobot $(STAMPS)/ray: $(STAMPS)/%: requirements/%.txt $(CONSTRAINTS) scripts/install_requirements.sh | $(STAMPS)/packages
	@scripts/install_requirements.sh $*
	@touch $@

$(STAMPS)/development: requirements/development.txt requirements/tensorrt.txt requirements/foxglove.txt $(CONSTRAINTS) scripts/install_requirements.sh | $(STAMPS)/packages
	@scripts/install_requirements.sh development tensorrt foxglove
	@touch $@
