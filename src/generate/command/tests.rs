//! Programs that behave, and programs that do not.
