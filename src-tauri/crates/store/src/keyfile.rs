//! The master key in a file of its own, for servers without a keyring.
//!
//! A key file is read or made, never changed: a key made anew over a lost one would leave a database that nobody
//! can open. Blocking file access; call it before serving.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use model::ids::random_text;
use model::keys::MasterKey;
use model::ports::Entropy;
use zeroize::Zeroizing;

/// Why there is no master key. Shown to whoever starts the server.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error(
        "the master key file `{path}` is missing and the database cannot be read without it; \
         put the file back from a backup, or move the database away to start afresh; \
         if the app uses this folder, its key may be in the keyring: give this server a `--data-dir` of its own, \
         or choose File under Master key in the app's settings"
    )]
    Missing { path: PathBuf },
    #[error("the master key file `{path}` is open to other users (mode {mode:03o}); run `chmod 600 {path}`")]
    Exposed { path: PathBuf, mode: u32 },
    #[error(
        "the master key file `{path}` does not hold 32 bytes in base64; put the right file back from a backup, \
         or move it and the database away to start afresh"
    )]
    Malformed { path: PathBuf },
    #[error(
        "the master key file `{path}` cannot be {doing}: {source}; check that the folder exists and is ours"
    )]
    Io { path: PathBuf, doing: &'static str, source: io::Error },
}

/// Reads the key at `path`, or makes one there if there is none and nothing has been sealed yet.
///
/// `needed` says that a database exists which only the key that was here can open; then a missing file is an error.
pub fn load_or_create_master_key(
    path: &Path,
    needed: bool,
    entropy: &dyn Entropy,
) -> Result<MasterKey, KeyFileError> {
    if let Some(key) = load(path)? {
        return Ok(key);
    }
    if needed {
        return Err(KeyFileError::Missing { path: path.to_owned() });
    }
    let key = MasterKey::generate(entropy);
    match create(path, &key, entropy) {
        Ok(()) => Ok(key),
        // Somebody else starting at the same moment was first: theirs is the key.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            load(path)?.ok_or_else(|| KeyFileError::Missing { path: path.to_owned() })
        }
        Err(source) => Err(KeyFileError::Io { path: path.to_owned(), doing: "made", source }),
    }
}

fn load(path: &Path) -> Result<Option<MasterKey>, KeyFileError> {
    let failed = |source| KeyFileError::Io { path: path.to_owned(), doing: "read", source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    refuse_exposed(path, &file).map_err(failed)??;
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_LEN));
    file.take(MAX_LEN as u64).read_to_end(&mut text).map_err(failed)?;
    let key = std::str::from_utf8(&text).ok().and_then(MasterKey::parse);
    key.map(Some).ok_or_else(|| KeyFileError::Malformed { path: path.to_owned() })
}

/// 44 characters are the key; the rest leaves room for white space and for saying no to another file.
const MAX_LEN: usize = 1024;

/// Asks the open file, not the path, which could name another file by now.
#[cfg(unix)]
fn refuse_exposed(path: &Path, file: &File) -> io::Result<Result<(), KeyFileError>> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = file.metadata()?.permissions().mode() & 0o777;
    let exposed = mode & 0o077 != 0;
    Ok(if exposed { Err(KeyFileError::Exposed { path: path.to_owned(), mode }) } else { Ok(()) })
}

/// Elsewhere the folder's access list protects the file: the user's profile is the user's.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "same shape as on unix")]
fn refuse_exposed(_: &Path, _: &File) -> io::Result<Result<(), KeyFileError>> {
    Ok(Ok(()))
}

/// Writes the key beside `path` and links it there whole: a link never overwrites, and a half-written key never
/// bears the name.
fn create(path: &Path, key: &MasterKey, entropy: &dyn Entropy) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.{}", random_text::<9>(entropy)));
    let linked = write_synced(&draft, &key.to_text()).and_then(|()| std::fs::hard_link(&draft, path));
    // A draft left behind is a key nobody uses; it must not hide why there is none.
    let removed = std::fs::remove_file(&draft);
    linked?;
    removed?;
    sync_folder(path)
}

fn write_synced(path: &Path, text: &str) -> io::Result<()> {
    let mut file = create_private(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Makes a file that only its owner can read or write; fails if the name is taken.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A new name is on disk only once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}
