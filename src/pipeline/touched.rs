//! Where something may have changed: what a watch knows, and what spares it a look at every file.

use std::collections::BTreeSet;

/// Paths at which something may have changed since the record of the last run; nothing has anywhere
/// else. Relative to the project's root with `/` between names; `""` is the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    paths: BTreeSet<String>,
}

impl Touched {
    /// Adds a file or folder that was written, made, moved or deleted.
    pub fn add(&mut self, path: &str) {
        self.paths.insert(path.to_owned());
    }

    /// Whether the path itself was added.
    pub fn names(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Adds what `other` has.
    pub fn extend(&mut self, other: &Self) {
        self.paths.extend(other.paths.iter().cloned());
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The paths, sorted.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }

    /// Whether the file or folder at `path` may be another one: it or a folder above it was touched.
    pub fn concerns(&self, path: &str) -> bool {
        // Of a few paths each is looked at, which for thousands of files is quicker than looking up
        // the folders of each.
        const FEW: usize = 16;
        if self.paths.len() <= FEW {
            return self.paths.iter().any(|touched| below(path, touched).is_some());
        }
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.into_iter().any(|end| self.paths.contains(&path[..end]))
    }

    /// Whether the folder at `path` may hold other names than before: a folder in it may be new, of
    /// which only a file was seen.
    pub fn concerns_names_in(&self, path: &str) -> bool {
        let inside = if path.is_empty() { String::new() } else { format!("{path}/") };
        let next = self.paths.range(inside.clone()..).next();
        next.is_some_and(|touched| touched.starts_with(&inside)) || self.concerns(path)
    }
}

/// What is behind `folder` in a path that is this folder or file, or lies in it.
pub fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    path.strip_prefix(folder).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The folder in which a path stands.
pub fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_a_touched_folder_is_concerned_and_its_neighbours_are_not() {
        let mut touched = Touched::default();
        assert!(touched.is_empty() && !touched.concerns("specs/a.yaml"));
        touched.add("specs/old");
        touched.add("art/coin.svg");
        for path in ["specs/old", "specs/old/a.yaml", "specs/old/deep/b.yaml", "art/coin.svg"] {
            assert!(touched.concerns(path), "{path}");
        }
        for path in ["specs", "specs/older/a.yaml", "specs/a.yaml", "art/coin.svg.bak", "art"] {
            assert!(!touched.concerns(path), "{path}");
        }
        for folder in ["specs", "specs/old", "specs/old/deep", "art"] {
            assert!(touched.concerns_names_in(folder), "{folder}");
        }
        assert!(touched.concerns_names_in(""), "`specs` may be new in it");
        assert!(!touched.concerns_names_in("assets") && !touched.concerns_names_in("spec"));
        // Many are looked up in another way.
        (0..40).for_each(|number| touched.add(&format!("many/{number}")));
        for path in ["specs/old/deep/b.yaml", "art/coin.svg", "many/7"] {
            assert!(touched.concerns(path), "{path}");
        }
        assert!(!touched.concerns("specs/older/a.yaml") && !touched.concerns("many/70"));
    }
}
