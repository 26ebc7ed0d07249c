//! Bodies of integrate actions: results reach the project's own files.
