//! Assetfiles in, settings and diagnostics out.
