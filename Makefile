PYTHON ?= python3
VENV ?= .venv
RUN ?= runs/demo
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: demo test lint format install clean

demo: $(INSTALLED)  ## train on built-in faces, audit quickly, export, run on the device: 15 minutes on two idle cores
	$(BIN)/python train.py --out $(RUN) $(if $(wildcard $(RUN)/config.json),--resume,--preset demo)
	$(BIN)/python evaluate.py $(RUN) --quick
	$(BIN)/python -m export $(RUN) --out $(RUN)/export --recipes int8
	$(BIN)/python -m vgan_tf protect $(RUN)/evaluation/inputs --crops --model $(RUN)/export -o $(RUN)/protected
	$(BIN)/python -m vgan_tf recognize $(RUN)/protected --crops --model $(RUN)/export
	@cat $(RUN)/evaluation/summary.txt

test: $(INSTALLED)  ## run all tests, in two processes
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(INSTALLED)  ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: $(INSTALLED)

$(INSTALLED): requirements.txt pyproject.toml
	@echo "Installing requirements.txt and the tools of the tests into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -qq -r requirements.txt -e '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
