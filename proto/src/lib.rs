//! Everything that crosses a wire or lands in a store.
