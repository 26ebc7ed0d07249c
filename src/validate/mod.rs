//! Bodies of validate actions: facts become findings.
