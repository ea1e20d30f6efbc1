//! The shell of the worker.
