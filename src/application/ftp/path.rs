//! Where a client is, and what the names that it says mean.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use super::super::{Folder, Named, Place};

/// Why a name means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadPath {
    /// It is not UTF-8 (RFC 2640 §2.2), or has control characters in it.
    Unreadable,
    /// It leads out of the root.
    Outside,
    /// It is the name of an upload that is not complete.
    Reserved,
}

/// A path below the root, in parts; none of them is empty, `.` or `..`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct VirtualPath(Vec<String>);

/// Around the name of an upload that is not complete.
const UPLOAD: (&str, &str) = (".", ".upload~");

/// Whether a file of that name is an upload that is not complete.
pub(super) fn is_upload(name: &[u8]) -> bool {
    name.starts_with(UPLOAD.0.as_bytes()) && name.ends_with(UPLOAD.1.as_bytes())
}

impl VirtualPath {
    /// What `name` means to who is here. No name leads above the root, not even for a moment.
    pub(super) fn join(&self, name: &[u8]) -> Result<VirtualPath, BadPath> {
        let name = std::str::from_utf8(name).map_err(|_| BadPath::Unreadable)?;
        if name.chars().any(char::is_control) {
            return Err(BadPath::Unreadable);
        }
        let mut parts = if name.starts_with('/') { Vec::new() } else { self.0.clone() };
        for part in name.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop().ok_or(BadPath::Outside)?),
                part if is_upload(part.as_bytes()) => return Err(BadPath::Reserved),
                part => parts.push(part.to_owned()),
            }
        }
        Ok(VirtualPath(parts))
    }

    /// Whether it is the root itself.
    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The last part; empty for the root.
    pub(super) fn name(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The directory in which it lies.
    pub(super) fn parent(&self) -> VirtualPath {
        VirtualPath(self.0.split_last().map_or_else(Vec::new, |(_, rest)| rest.to_vec()))
    }

    /// Its parts.
    pub(super) fn parts(&self) -> &[String] {
        &self.0
    }

    /// The same path, seen from a directory in which its root lies.
    pub(super) fn below(&self, parts: &[String]) -> VirtualPath {
        VirtualPath([parts, &self.0].concat())
    }

    /// Where that is for storage threads.
    pub(super) fn place(&self, folder: Folder) -> Place {
        Place { folder, path: self.0.iter().collect() }
    }

    /// Where an upload lies until it is complete.
    pub(super) fn upload(&self, folder: Folder) -> Place {
        let mut path: PathBuf = self.parent().0.iter().collect();
        path.push(format!("{}{}{}", UPLOAD.0, self.name(), UPLOAD.1));
        Place { folder, path }
    }

    /// As it is told: with a slash in front.
    pub(super) fn shown(&self) -> String {
        format!("/{}", self.0.join("/"))
    }

    /// As it is told between quotes, in which they are doubled (RFC 959 appendix II).
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.shown().replace('"', "\"\""))
    }
}

/// Whether a name from the disk can stand in a listing: in one line, and not an upload.
pub(super) fn is_listed(Named { name, leads_to, .. }: &Named) -> bool {
    let in_one_line = |text: &OsStr| !text.as_bytes().iter().any(u8::is_ascii_control);
    in_one_line(name) && leads_to.as_deref().is_none_or(in_one_line) && !is_upload(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::super::{Kind, Metadata};
    use super::*;

    #[test]
    fn names_mean_what_they_say() {
        let here = VirtualPath::default().join(b"/a/b").unwrap();
        for (name, meant) in [
            (&b"c"[..], Ok("/a/b/c")),
            (b"/c", Ok("/c")),
            (b"../c", Ok("/a/c")),
            (b"../..", Ok("/")),
            (b".//./c/", Ok("/a/b/c")),
            (b"...", Ok("/a/b/...")),
            ("ü".as_bytes(), Ok("/a/b/ü")),
            (b"../../..", Err(BadPath::Outside)),
            (b"/..", Err(BadPath::Outside)),
            (b"../../../a/b", Err(BadPath::Outside)),
            (b"/../../etc/passwd", Err(BadPath::Outside)),
            (b"a\0b", Err(BadPath::Unreadable)),
            (b"a\nb", Err(BadPath::Unreadable)),
            (b"a\xff", Err(BadPath::Unreadable)),
            (b".x.upload~", Err(BadPath::Reserved)),
        ] {
            assert_eq!(here.join(name).map(|path| path.shown()), meant.map(str::to_owned), "{name:?}");
        }
    }

    #[test]
    fn an_upload_lies_beside_its_target() {
        let file = VirtualPath::default().join(b"/a/\"b\"").unwrap();
        assert_eq!(file.upload(Folder(0)).path, PathBuf::from("a/.\"b\".upload~"));
        assert_eq!(file.quoted(), "\"/a/\"\"b\"\"\"");
        let metadata = Metadata { kind: Kind::Link, length: 1, modified: 0 };
        let listed =
            |name: &str, to: &str| is_listed(&Named { name: name.into(), metadata, leads_to: Some(to.into()) });
        assert!(!listed(".b.upload~", "b") && !listed("a\rb", "b") && !listed("a", "b\n") && listed("b", ".b.upload~"));
    }
}
