//! The credential spec: parse, validate, generate.
