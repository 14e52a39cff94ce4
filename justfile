# Short names for the project's tasks; `just` alone lists them.

_default:
    @just --list

# Run the server on an empty folder or on the one it made before
run *args:
    cargo run --release -- serve {{ args }}

# Install what the tests need and run everything
test *args:
    cargo xtask test {{ args }}

# Only the Rust tests
unit *args:
    cargo test --workspace {{ args }}

# Official clients against the built server: all of them, or js, cli, python, curl, browser or schema
e2e *args:
    cargo xtask e2e {{ args }}

# Kill the server and cut its power, again and again
soak *args:
    cargo xtask soak {{ args }}

# Format, clippy, docs, licences, crate boundaries, paths named in the docs
lint *args:
    cargo xtask lint {{ args }}

# Write those parts of the documents that are made from the declarations of the API
docs:
    cargo xtask docs

# Format the code
fmt:
    cargo fmt --all

# Everything CI runs
ci:
    bash .ci/run
