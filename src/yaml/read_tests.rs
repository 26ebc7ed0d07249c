//! YAML in, trees and diagnostics out, with the pitfalls of docs/design/yaml.md.
