//! The walk that a build with nothing to do consists of: listing folders and looking at files,
//! relative to open directories and on all cores. What it costs: docs/design/file-memo.md.

use std::fs;

use rayon::prelude::*;

use crate::base::RelPath;
use crate::cache::dir::CacheDir;
use crate::cache::dir_handle::{DirHandle, Kind};
use crate::cache::file_memo::{FileError, ProjectFiles, Stat};

/// What lies below a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Regular files, and symlinks to regular files inside the project; sorted by path.
    pub files: Vec<ListedFile>,
    /// The folders that were read, sorted by path; `""` is the project's root.
    pub dirs: Vec<ListedFile>,
    /// Symlinks that lead out of the project, to nothing, or back to a folder that contains them;
    /// sorted.
    pub skipped: Vec<String>,
}

/// A file or folder and its stat.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedFile {
    /// Relative to the project's root, with `/` between parts.
    pub path: String,
    /// What it was when it was listed.
    pub stat: Stat,
}

/// Decides by path, relative to the root, which files a listing holds.
pub type KeepFile<'a> = &'a (dyn Fn(&str) -> bool + Sync);

/// Files looked at before another thread may help: about 0.2 ms of work.
const CHUNK: usize = 256;

impl ProjectFiles {
    /// Lists the files below `dir` (the whole project if none) that `keep` wants.
    ///
    /// `.assetcache` and `.git` are never entered. A folder that is missing is empty.
    ///
    /// # Errors
    /// `FileError::Io` for a folder that cannot be read, `FileError::Outside` if `dir` itself
    /// leads out of the project.
    pub fn list(&self, dir: Option<&RelPath>, keep: KeepFile<'_>) -> Result<Listing, FileError> {
        let path = dir.map_or("", RelPath::as_str);
        if let Some(dir) = dir {
            match self.resolve(dir) {
                Ok(target) if target.is_dir() => {}
                Ok(_) | Err(FileError::Missing { .. }) => return Ok(Listing::default()),
                Err(error) => return Err(error),
            }
        }
        let handle = self.handle.open_below(if path.is_empty() { "." } else { path });
        let handle = handle.map_err(|source| io_error(path, source))?;
        let mut listing = self.walk(&handle, path.to_owned(), &[], keep)?;
        // A stable sort finds the sorted runs that the folders left.
        listing.files.sort_by(|a, b| a.path.cmp(&b.path));
        listing.dirs.sort_by(|a, b| a.path.cmp(&b.path));
        listing.skipped.sort_unstable();
        Ok(listing)
    }

    /// The stat of every path that is a regular file, or a symlink to one; none for all others.
    ///
    /// Paths are relative to the root; neighbours in one folder share one open directory, so a
    /// sorted list is fastest.
    pub fn stat_many(&self, paths: &[&str]) -> Vec<Option<Stat>> {
        self.stat_all(paths, Kind::File)
    }

    /// The stat of every path that is a folder; none for all others. `""` is the root.
    ///
    /// A folder whose stat is that of an earlier listing, and not racy, still holds the same names:
    /// a run that knows the listing need not repeat it.
    pub fn stat_dirs(&self, paths: &[&str]) -> Vec<Option<Stat>> {
        self.stat_all(paths, Kind::Dir)
    }

    fn stat_all(&self, paths: &[&str], kind: Kind) -> Vec<Option<Stat>> {
        if paths.len() <= CHUNK {
            return self.stat_chunk(paths, kind);
        }
        let mut stats = vec![None; paths.len()];
        let chunks = stats.par_chunks_mut(CHUNK).zip(paths.par_chunks(CHUNK));
        chunks.for_each(|(stats, paths)| stats.copy_from_slice(&self.stat_chunk(paths, kind)));
        stats
    }

    fn stat_chunk(&self, paths: &[&str], kind: Kind) -> Vec<Option<Stat>> {
        let mut stats = Vec::with_capacity(paths.len());
        let mut open: Option<(&str, Option<DirHandle>)> = None;
        for &path in paths {
            let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
            if open.as_ref().is_none_or(|(dir, _)| *dir != parent) {
                open = Some((parent, self.handle.open_below(parent).ok()));
            }
            let handle = open.as_ref().and_then(|(_, handle)| handle.as_ref());
            let name = if name.is_empty() { "." } else { name };
            stats.push(handle.and_then(|handle| stat_kind(handle, name, kind)));
        }
        stats
    }

    fn walk(
        &self,
        handle: &DirHandle,
        path: String,
        ancestors: &[(u64, u64)],
        keep: KeepFile<'_>,
    ) -> Result<Listing, FileError> {
        let here = handle.stat_self().map_err(|source| io_error(&path, source))?;
        let mut ancestors = ancestors.to_vec();
        ancestors.push(here.identity);
        let mut files = Vec::new();
        let mut dirs = Vec::new();
        let mut listing = Listing::default();
        for (name, kind) in handle.names().map_err(|source| io_error(&path, source))? {
            let kind = match kind {
                Some(kind) => kind,
                None => match handle.stat(&name, false) {
                    Ok(Some(entry)) => entry.kind,
                    // Gone since the folder was read.
                    Ok(None) => continue,
                    Err(source) => return Err(io_error(&join(&path, &name), source)),
                },
            };
            match kind {
                Kind::File => files.push(name),
                Kind::Dir if name == CacheDir::NAME || name == ".git" => {}
                Kind::Dir => dirs.push(name),
                Kind::Symlink => match self.follow(handle, &path, &name, &ancestors) {
                    Some(Kind::File) => files.push(name),
                    Some(Kind::Dir) => dirs.push(name),
                    _ => listing.skipped.push(join(&path, &name)),
                },
                Kind::Other => {}
            }
        }
        files.sort_unstable();
        dirs.sort_unstable();
        let look = |name: &String| {
            let path = join(&path, name);
            let stat = keep(&path).then(|| stat_kind(handle, name, Kind::File)).flatten()?;
            Some(ListedFile { path, stat })
        };
        listing.files = if files.len() <= CHUNK {
            files.iter().filter_map(look).collect()
        } else {
            files.par_iter().with_min_len(CHUNK).filter_map(look).collect()
        };
        let below = |name: &String| {
            let path = join(&path, name);
            let handle = handle.open_below(name).map_err(|source| io_error(&path, source))?;
            self.walk(&handle, path, &ancestors, keep)
        };
        for mut found in dirs.par_iter().map(below).collect::<Result<Vec<_>, _>>()? {
            listing.files.append(&mut found.files);
            listing.dirs.append(&mut found.dirs);
            listing.skipped.append(&mut found.skipped);
        }
        listing.dirs.push(ListedFile { path, stat: here.stat });
        Ok(listing)
    }

    /// What a symlink leads to, if that may be entered or read.
    fn follow(
        &self,
        handle: &DirHandle,
        dir: &str,
        name: &str,
        ancestors: &[(u64, u64)],
    ) -> Option<Kind> {
        let target = fs::canonicalize(self.root.join(dir).join(name)).ok()?;
        let inside = target.strip_prefix(&self.root).ok()?;
        let hidden = [CacheDir::NAME, ".git"].iter().any(|name| inside.starts_with(name));
        // Where directories have no identity, a folder that leads upwards is known by its path.
        let upwards = self.root.join(dir).starts_with(&target);
        let entry = handle.stat(name, true).ok().flatten()?;
        let met = entry.kind == Kind::Dir && (upwards || ancestors.contains(&entry.identity));
        (!hidden && !met).then_some(entry.kind)
    }
}

/// The stat of a name of that kind in a directory, through a symlink if need be.
fn stat_kind(handle: &DirHandle, name: &str, kind: Kind) -> Option<Stat> {
    let mut entry = handle.stat(name, false).ok().flatten()?;
    if entry.kind == Kind::Symlink {
        entry = handle.stat(name, true).ok().flatten()?;
    }
    (entry.kind == kind).then_some(entry.stat)
}

fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { [dir, "/", name].concat() }
}

fn io_error(path: &str, source: std::io::Error) -> FileError {
    FileError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(paths: &[&str]) -> (tempfile::TempDir, ProjectFiles) {
        let dir = tempfile::tempdir().expect("a temp folder");
        for path in paths {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("it has a folder")).expect("writable");
            fs::write(path, "x").expect("writable");
        }
        let files = ProjectFiles::open(dir.path()).expect("it is there");
        (dir, files)
    }

    fn names(listing: &Listing) -> Vec<&str> {
        listing.files.iter().map(|file| file.path.as_str()).collect()
    }

    #[test]
    fn files_come_sorted_and_filtered_without_the_cache() {
        let all =
            ["specs/b.yaml", "specs/a/z.yaml", "specs/a.yaml", "specs/a/notes.md", "top.yaml"];
        let hidden = [".assetcache/derived/x.yaml", ".git/config.yaml"];
        let (_dir, files) = project(&[&all[..], &hidden[..]].concat());
        let yaml = |path: &str| path.ends_with(".yaml");
        let listing = files.list(None, &yaml).expect("readable");
        assert_eq!(names(&listing), ["specs/a.yaml", "specs/a/z.yaml", "specs/b.yaml", "top.yaml"]);
        let dirs: Vec<_> = listing.dirs.iter().map(|dir| dir.path.as_str()).collect();
        assert_eq!(dirs, ["", "specs", "specs/a"]);
        let specs = RelPath::new("specs/a").expect("a plain path");
        let listing = files.list(Some(&specs), &|_| true).expect("readable");
        assert_eq!(names(&listing), ["specs/a/notes.md", "specs/a/z.yaml"]);
        let stat = files.stat(&RelPath::new("specs/a/z.yaml").expect("plain")).expect("there");
        assert_eq!(listing.files[1].stat, stat);
    }

    #[test]
    fn a_missing_folder_is_empty() {
        let (_dir, files) = project(&["file"]);
        for path in ["nothing", "file"] {
            let path = RelPath::new(path).expect("plain");
            assert_eq!(files.list(Some(&path), &|_| true).expect("no error"), Listing::default());
        }
    }

    #[test]
    fn a_folder_larger_than_a_chunk_is_listed_whole() {
        let paths: Vec<String> = (0..1000).map(|n| format!("specs/s{n:04}.yaml")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let (_dir, files) = project(&paths);
        let listing = files.list(None, &|_| true).expect("readable");
        assert_eq!(names(&listing), paths);
        let stats = files.stat_many(&paths);
        let listed: Vec<_> = listing.files.iter().map(|file| Some(file.stat)).collect();
        assert_eq!(stats, listed);
    }

    #[test]
    fn only_regular_files_have_a_stat() {
        let (dir, files) = project(&["a/one", "b/two", "three"]);
        let stats =
            files.stat_many(&["a/one", "a", "a/none", "b/two", "no/where", "three", "a/one/x"]);
        let found: Vec<_> = stats.iter().map(Option::is_some).collect();
        assert_eq!(found, [true, false, false, true, false, true, false]);
        let metadata = fs::metadata(dir.path().join("b/two")).expect("there");
        assert_eq!(stats[3], Some(Stat::of(&metadata)));
    }

    #[test]
    fn a_folder_shows_that_a_name_came_or_went() {
        let (dir, files) = project(&["specs/a/one", "specs/two"]);
        let listing = files.list(None, &|_| true).expect("readable");
        let paths: Vec<_> = listing.dirs.iter().map(|dir| dir.path.as_str()).collect();
        let before: Vec<_> = listing.dirs.iter().map(|dir| Some(dir.stat)).collect();
        assert_eq!(files.stat_dirs(&paths), before);
        fs::remove_file(dir.path().join("specs/a/one")).expect("there");
        let after = files.stat_dirs(&paths);
        assert_eq!(after[..2], before[..2], "the root and specs hold the same names");
        assert_ne!(after[2], before[2]);
        assert_eq!(files.stat_dirs(&["specs/two", "none"]), [None, None]);
    }

    #[cfg(unix)]
    #[test]
    fn symlinks_end_and_stay_inside() {
        use std::os::unix::fs::symlink;
        let (dir, files) = project(&["specs/a.yaml", "shared/s.yaml"]);
        let outside = tempfile::tempdir().expect("a temp folder");
        fs::write(outside.path().join("o.yaml"), "x").expect("writable");
        let specs = dir.path().join("specs");
        symlink("..", specs.join("up")).expect("writable");
        symlink("../shared", specs.join("shared")).expect("writable");
        symlink("../specs", dir.path().join("shared/back")).expect("writable");
        symlink("a.yaml", specs.join("link.yaml")).expect("writable");
        symlink("nothing", specs.join("dangling")).expect("writable");
        symlink(outside.path(), specs.join("outside")).expect("writable");
        symlink(outside.path().join("o.yaml"), specs.join("o.yaml")).expect("writable");
        let path = RelPath::new("specs").expect("plain");
        let listing = files.list(Some(&path), &|_| true).expect("it ends");
        assert_eq!(names(&listing), ["specs/a.yaml", "specs/link.yaml", "specs/shared/s.yaml"]);
        assert_eq!(
            listing.skipped,
            ["specs/dangling", "specs/o.yaml", "specs/outside", "specs/shared/back", "specs/up"]
        );
        assert_eq!(files.stat_many(&["specs/link.yaml"]), files.stat_many(&["specs/a.yaml"]));
        let out = RelPath::new("specs/outside").expect("plain");
        assert!(matches!(files.list(Some(&out), &|_| true), Err(FileError::Outside { .. })));
    }
}
