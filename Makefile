# Every target prepares what it needs on a Debian bookworm with a Rust toolchain.

.PHONY: build install install-built test demo figures rig

# The program alone: target/release/hydrant.
build:
	cargo build --locked --release

# Where it is installed. DESTDIR goes in front of it, for those who make packages.
PREFIX = /usr/local
SHARE = $(DESTDIR)$(PREFIX)/share
# What is installed by install-built.
BUILT = target/release
HOOKS = hydrant-hook-cloudflare hydrant-hook-route53 hydrant-hook-vault
# Those that a help text lists.
COMMANDS = sed -n '/^  help /d; /^Commands:/,/^$$/s/^  \([a-z0-9-]*\) .*/\1/p'

# The program, the hooks that come with it, manual pages and completions.
install:
	cargo build --locked --release --workspace
	$(MAKE) install-built

install-built:
	umask 022 && mkdir -p $(DESTDIR)$(PREFIX)/bin $(SHARE)/man/man1 $(SHARE)/bash-completion/completions \
	    $(SHARE)/fish/vendor_completions.d $(SHARE)/zsh/site-functions
	install -m 755 $(BUILT)/hydrant $(HOOKS:%=$(BUILT)/%) $(DESTDIR)$(PREFIX)/bin
	umask 022 && $(BUILT)/hydrant man >$(SHARE)/man/man1/hydrant.1
	umask 022 && for command in $$($(BUILT)/hydrant --help | $(COMMANDS)); do \
	    $(BUILT)/hydrant man $$command >$(SHARE)/man/man1/hydrant-$$command.1 || exit; \
	    for below in $$($(BUILT)/hydrant $$command --help | $(COMMANDS)); do \
	        $(BUILT)/hydrant man $$command $$below >$(SHARE)/man/man1/hydrant-$$command-$$below.1 || exit; \
	    done; \
	done
	umask 022 && $(BUILT)/hydrant completions bash >$(SHARE)/bash-completion/completions/hydrant
	umask 022 && $(BUILT)/hydrant completions fish >$(SHARE)/fish/vendor_completions.d/hydrant.fish
	umask 022 && $(BUILT)/hydrant completions zsh >$(SHARE)/zsh/site-functions/_hydrant

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
