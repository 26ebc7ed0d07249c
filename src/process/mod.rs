//! Bodies of process actions: raw material becomes finished files.
