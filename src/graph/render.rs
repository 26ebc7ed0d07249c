//! The graph as text and pictures.
