# Every target prepares what it needs on a Debian bookworm with a Rust toolchain.

.PHONY: build test demo figures rig

# The program alone: target/release/hydrant.
build:
	cargo build --locked --release

# All that has to be green before a change is pushed; .ci/run calls it.
test: rig
	cargo build --locked --workspace
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	cargo test --locked --workspace

# A CA of our own, domains.txt.example, and what hydrant makes of them.
demo: rig
	cargo build --locked
	tests/rig/demo target/debug/hydrant

# What hydrant costs, beside dehydrated.
figures: rig
	cargo build --locked --release --workspace
	benches/figures

# Packages, Pebble, and dehydrated; quick when they are there.
rig:
	tests/rig/install
