# Ferry. `make help` lists the targets.
SAN ?= none
BUILD := build/$(SAN)
GEN := build/gen
CC := gcc
PKGS := libmicrohttpd libprotobuf-c grpc libpq libsecp256k1 openssl nettle jansson libcurl yaml-0.1
WARN := -Wall -Wextra -Werror -Wshadow -Wswitch-enum -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wno-format-nonliteral
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIE
OPT_none := -O2 -D_FORTIFY_SOURCE=2
OPT_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT_tsan := -O1 -fsanitize=thread -fno-omit-frame-pointer
CFLAGS = -std=gnu17 -g $(WARN) $(HARDEN) $(OPT_$(SAN)) -I. -I$(GEN) -I$(GEN)/proto $(PKG_CFLAGS)
# Asked once, and only when something is compiled: a bare machine has no pkg-config yet.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
LDLIBS = $(PKG_LIBS) -lpthread -lm
LDFLAGS = -pie -Wl,-z,relro,-z,now $(filter -fsanitize%,$(OPT_$(SAN)))

PROTOS := $(patsubst proto/%,%,$(wildcard proto/ferry/v1/*.proto proto/google/rpc/*.proto proto/grpc/*/*/*.proto)) $(addprefix google/protobuf/,$(addsuffix .proto,any descriptor duration struct timestamp))
PROTO_C := $(PROTOS:%.proto=$(GEN)/proto/%.pb-c.c)
SQL_H := $(GEN)/storage_sql.h
SRC := $(wildcard base/*.c storage/*.c chain/*.c api/*.c relay/*.c)
SERVER_SRC := $(wildcard server/*.c)
LIB_OBJ := $(SRC:%.c=$(BUILD)/%.o) $(PROTO_C:build/%.c=$(BUILD)/%.o)
SERVER_OBJ := $(SERVER_SRC:%.c=$(BUILD)/%.o)
SERVER_PART_OBJ := $(filter-out $(BUILD)/server/main.o,$(SERVER_OBJ))
CLI_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard cli/*.c chain/*.c base/*.c))
UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
UNIT_BIN := $(UNIT_SRC:%.c=$(BUILD)/%)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:%.c=$(BUILD)/%)

all: $(BUILD)/ferryd $(BUILD)/ferry ## build ferryd and ferry (SAN=asan or SAN=tsan for an instrumented one)

$(GEN)/.proto: $(wildcard proto/*/*/*.proto proto/*/*/*/*.proto)
	@mkdir -p $(GEN)/proto
	protoc-c -I proto -I /usr/include --c_out=$(GEN)/proto $(PROTOS)
	protoc -I proto -I /usr/include --include_imports --include_source_info \
		--descriptor_set_out=$(GEN)/ferry.protoset $(filter-out %/descriptor.proto,$(PROTOS))
	od -An -v -tx1 $(GEN)/ferry.protoset | sed 's/ \(..\)/0x\1,/g' > $(GEN)/ferry_protoset.inc
	@touch $@
$(PROTO_C): $(GEN)/.proto ;

$(SQL_H): storage/sql.awk $(wildcard storage/*.sql)
	@mkdir -p $(GEN)
	awk -f storage/sql.awk $(sort $(wildcard storage/*.sql)) > $@.tmp && mv $@.tmp $@

$(GEN)/migrations.h: storage/migrate.awk $(wildcard migrations/*.sql)
	@mkdir -p $(GEN)
	awk -f storage/migrate.awk $(sort $(wildcard migrations/*.sql)) > $@.tmp && mv $@.tmp $@
$(BUILD)/storage/migrate.o: $(GEN)/migrations.h

$(BUILD)/gen/proto/%.o: $(GEN)/.proto
	@mkdir -p $(@D)
	@$(CC) -std=gnu17 -g -O1 $(filter -fsanitize%,$(OPT_$(SAN))) -fPIE -I$(GEN)/proto -c $(GEN)/proto/$*.c -o $@

$(BUILD)/%.o: %.c $(GEN)/.proto $(SQL_H)
	@mkdir -p $(@D)
	@echo "  cc   $<"
	@$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/ferryd: $(SERVER_OBJ) $(LIB_OBJ)
	@echo "  link $@"
	@$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(BUILD)/ferry: $(CLI_OBJ)
	@echo "  link $@"
	@$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(LIB_OBJ)
	@echo "  link $@"
	@$(CC) $(LDFLAGS) $^ $$(pkg-config --libs check) $(LDLIBS) -o $@

$(BUILD)/tests/unit/server/%: $(BUILD)/tests/unit/server/%.o $(SERVER_PART_OBJ) $(LIB_OBJ)
	@echo "  link $@"
	@$(CC) $(LDFLAGS) $^ $$(pkg-config --libs check) $(LDLIBS) -o $@

$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/replay.o $(LIB_OBJ)
	@echo "  link $@"
	@$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(BUILD)/tests/fuzz/fuzz_config: $(addprefix $(BUILD)/server/,config.o config_check.o yamldoc.o)

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(LIB_OBJ)
	@echo "  link $@"
	@$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# What a newcomer types: each installs what is missing first, then builds.
run: ## set everything up, start it, deliver a first message; stays until Ctrl-C
	@docker/setup.sh
	@$(MAKE) --no-print-directory -j2 all
	@docker/dev.sh run

up: ## the same in the background; returns when it is ready
	@docker/setup.sh
	@$(MAKE) --no-print-directory -j2 all
	@docker/dev.sh up

down: ## stop what `up` started
	@docker/dev.sh down

test: ## everything that must hold (installs, builds, runs every test)
	@docker/setup.sh --with test
	@$(MAKE) --no-print-directory -j2 all tests
	@tests/run.sh

check: all tests ## unit tests, corpus replay and tidy only: seconds, needs nothing running
	@tests/run.sh unit fuzz tidy

bench: ## measure: a table with ratios, written to bench/latest.md
	@docker/setup.sh --with bench
	@$(MAKE) --no-print-directory -j2 all
	@bash tests/bench/run.sh

tests: $(UNIT_BIN) $(FUZZ_BIN)

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean: ## remove what was built (not var/)
	rm -rf build

.PHONY: all tests check run up down test bench help clean
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
