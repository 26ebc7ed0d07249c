//! YAML text becomes a spanned tree that keeps every scalar as it was written.
