PYTHON ?= python3
VENV ?= .venv
RUN ?= runs/demo
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: demo test lint format clean

demo: $(INSTALLED)  ## train on built-in faces, audit quickly, export, run on the device: 15 minutes on two idle cores
	$(BIN)/python train.py --out $(RUN) $(if $(wildcard $(RUN)/config.json),--resume,--preset demo)
	$(BIN)/python evaluate.py $(RUN) --quick
	$(BIN)/python -m export $(RUN) --out $(RUN)/export --recipes int8
	$(BIN)/python -m vgan_tf protect $(RUN)/evaluation/inputs --model $(RUN)/export -o $(RUN)/protected
	$(BIN)/python -m vgan_tf recognize $(RUN)/protected --model $(RUN)/export
	$(BIN)/python evaluate.py $(RUN) --show

test: $(INSTALLED)  ## run all tests
	$(BIN)/python -m pytest

lint: $(INSTALLED)  ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(INSTALLED): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
