//! What sessions let the storage threads do, and what comes of it.
//!
//! A session asks with [`Io::ask`](super::Io::ask) and is told with [`Session::on_done`](super::Session::on_done), once
//! for each work. What one session asks for is done in the order in which it asked, so it need not wait between opening,
//! writing, syncing and renaming; what different sessions ask for has no order.
//!
//! Work and its outcome are values and not closures, so that a journal can note what came, and a repetition needs no
//! disk.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Io;
use super::accounts::Verification;
use crate::buffer::Block;

/// A directory that was opened before the process was confined: the n-th of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Folder(pub u16);

/// A file or directory that a session has open, by a number that the session chose. It is closed when the connection is
/// gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle(pub u8);

/// Where something lies: a path below a folder, out of which neither `..` nor a symbolic link leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The folder.
    pub folder: Folder,
    /// The path in it.
    pub path: PathBuf,
}

impl Place {
    /// The directory in which it lies.
    pub fn directory(&self) -> Place {
        Place { folder: self.folder, path: self.path.parent().map(Path::to_owned).unwrap_or_default() }
    }
}

/// What a file is opened for, and where in it reading or writing begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Reading, from this byte on.
    Read(u64),
    /// Writing what must not exist yet.
    New,
    /// Writing; what was in it is lost.
    Replace,
    /// Writing behind what is in it; it is made if it does not exist.
    Append,
    /// Writing from this byte on; what is behind that is lost.
    Resume(u64),
}

/// One thing to be done.
pub enum Work {
    /// Opens a file under a name, and closes what had that name. Told: [`Outcome::Metadata`].
    Open(Handle, Place, Opening),
    /// Reads what is next into the block, at most so many bytes, and fewer only at the end. Told: [`Outcome::Read`] or
    /// [`Outcome::End`].
    Read(Handle, Block, usize),
    /// Writes all of the block, which goes back to the pool then. Blocks that wait one behind the other may be written together:
    /// if one of those cannot be, all of them are told to have failed.
    Write(Handle, Block),
    /// Writes all of the block over what is at this place of the file, and goes on writing where it was: a head that can be
    /// told only at the end.
    WriteAt(Handle, Block, u64),
    /// Waits until all that was written is on the disk; of a directory, until its names are.
    Sync(Handle),
    /// Closes what is open under a name.
    Close(Handle),
    /// What makes a file whole: syncs and closes it, gives it its name, and syncs the directory; each only when the one before
    /// was done. In one, for each on its own would be waited for.
    Commit {
        /// The file.
        handle: Handle,
        /// Under which name it lies, and which one it gets, unless it has it.
        names: Option<(Place, Place)>,
        /// The directory of both.
        directory: Place,
    },
    /// Makes a whole file of a block: opens it as new under the first name, writes all of the block, and commits it under the
    /// second one, whose directory is synced; each only when the one before was done. The block goes back to the pool then.
    Store {
        /// The file, which is closed when all was done.
        handle: Handle,
        /// Where it is written, and where it lies when it is whole.
        names: (Place, Place),
        /// What is in it.
        block: Block,
    },
    /// Opens a directory under a name, to be listed or synced.
    OpenDirectory(Handle, Place),
    /// Waits until the names in a directory are on the disk.
    SyncDirectory(Place),
    /// The next names in an open directory, in no order. Told: [`Outcome::Names`], at the end an empty list.
    List(Handle),
    /// Tells what lies there. A symbolic link is followed. Told: [`Outcome::Metadata`].
    Look(Place),
    /// Says when something was changed last, in seconds since 1970.
    SetModified(Place, i64),
    /// Gives a file or directory another name, and replaces a file that has it.
    Rename(Place, Place),
    /// Gives a file one more name, which nothing may have yet.
    Link(Place, Place),
    /// Removes a file.
    Remove(Place),
    /// Makes a directory.
    MakeDirectory(Place),
    /// Removes an empty directory.
    RemoveDirectory(Place),
    /// Says who may do what with a file or directory: the lowest nine bits of its mode.
    SetMode(Place, u32),
    /// Lets go of this: once all that the session asked for before is done, whether the session is still there or not.
    LetGo(Box<dyn Send>),
    /// Compares a password; one that is wrong is [`ErrorKind::PermissionDenied`]. Other work of the session does not wait for
    /// it, nor the other way round.
    Verify(Verification),
}

impl Work {
    /// The block that goes with it.
    pub fn into_block(self) -> Option<Block> {
        match self {
            Work::Read(_, block, _)
            | Work::Write(_, block)
            | Work::WriteAt(_, block, _)
            | Work::Store { block, .. } => Some(block),
            _ => None,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// Bytes were read: they are [`Done::data`].
    Read,
    /// There is nothing more to read.
    End,
    /// What was opened or looked at.
    Metadata(Metadata),
    /// What lies in a directory.
    Names(Vec<Named>),
}

/// What lies at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// How many bytes are in it.
    pub length: u64,
    /// When it was changed last, in seconds since 1970.
    pub modified: i64,
}

/// What something in a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file with bytes in it.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, a socket or a pipe.
    Other,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: OsString,
    /// What has it; a symbolic link is not followed.
    pub metadata: Metadata,
    /// Where it leads, if it is a symbolic link.
    pub leads_to: Option<OsString>,
}

/// The end of one work.
#[must_use = "data in it stay charged to the pool until they are given or released"]
pub struct Done {
    /// What the session called it.
    pub tag: u64,
    /// What came of it, or why it could not be done.
    pub result: Result<Outcome, ErrorKind>,
    /// What was read; it may be given to the stream as it is.
    pub data: Option<Block>,
}

impl Done {
    /// Gives data back that nobody wants.
    pub fn release(self, io: &mut Io<'_>) {
        if let Some(block) = self.data {
            io.release(block);
        }
    }
}
