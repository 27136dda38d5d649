//! Model files in GGUF form.
