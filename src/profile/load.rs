//! Reads the profiles in the binary and those of the user.

use super::definition::{Definition, Match};
use super::matcher::{self, SystemGroup};
use super::{Profile, check, inherit};
use crate::mib::Mibs;
use crate::model::{Diagnostic, Oid};
use include_dir::{Dir, include_dir};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, OnceLock};

/// All profiles, by name. A shipped one is read in full when it is first asked for: commands that need
/// one profile, or none, do not pay for all.
#[derive(Debug, Clone, Default)]
pub struct ProfileSet {
    slots: BTreeMap<Arc<str>, Slot>,
    /// Whether what is set in a device is learnt as well.
    with_thresholds: bool,
}

/// A profile, perhaps not read yet.
#[derive(Debug, Clone)]
struct Slot {
    matching: Option<Match>,
    /// What its own file says, for those that inherit it too. `None` inside: it has a mistake.
    definition: OnceLock<Option<Arc<Definition>>>,
    /// `None` inside: a shipped profile with a mistake, which a test rules out.
    profile: OnceLock<Option<Arc<Profile>>>,
    /// What to read it from, where it is not read yet.
    file: Option<Arc<ProfileFile>>,
}

/// One profile file.
#[derive(Debug, Clone)]
pub struct ProfileFile {
    /// Where it is, for messages.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
    /// Whether it is a user's: it then replaces a shipped one of the same name.
    pub is_users: bool,
}

impl Slot {
    /// What its file says: read once, however many profiles inherit it.
    fn definition(&self) -> Option<Arc<Definition>> {
        let read = || {
            let file = self.file.as_ref()?;
            let mut definition = check::definition(&file.path, &file.text, Mibs::embedded()).ok()?;
            definition.text.clone_from(&file.text);
            Some(Arc::new(definition))
        };
        self.definition.get_or_init(read).clone()
    }
}

impl ProfileSet {
    /// The profiles in the binary. They are read at the first use, once.
    #[must_use]
    pub fn embedded() -> &'static Self {
        static EMBEDDED: LazyLock<ProfileSet> = LazyLock::new(ProfileSet::of_heads);
        &EMBEDDED
    }

    /// The profiles in the binary and those in `NAME.toml` files of these folders. MIB modules for
    /// them may lie beside them, as files of any other ending. All mistakes of all files are
    /// reported; a file with a mistake is left out, and the shipped profile of its name stays.
    #[must_use]
    pub fn load(user_folders: &[PathBuf]) -> (Self, Vec<Diagnostic>) {
        let mut problems = Vec::new();
        let (profiles, modules) = user_files(user_folders, &mut problems);
        if profiles.is_empty() && modules.is_empty() {
            return (Self::embedded().clone(), problems);
        }
        let files = embedded_files().chain(profiles);
        let (set, found) = if modules.is_empty() {
            Self::of_files(Mibs::embedded(), files)
        } else {
            Self::of_files(&Mibs::with_user_modules(modules), files)
        };
        problems.extend(found);
        (set, problems)
    }

    /// The MIB names in the binary and those of the modules in these folders, as [`Self::load`] reads
    /// them. What cannot be read is left out: [`Self::load`] reports it.
    #[must_use]
    pub fn mibs(user_folders: &[PathBuf]) -> Mibs {
        Mibs::with_user_modules(user_files(user_folders, &mut Vec::new()).1)
    }

    /// The profiles in these files. All mistakes of all files are reported.
    #[must_use]
    pub fn of_files(mibs: &Mibs, files: impl IntoIterator<Item = ProfileFile>) -> (Self, Vec<Diagnostic>) {
        let mut problems = Vec::new();
        let mut found = Found::default();
        for file in files {
            match check::definition(&file.path, &file.text, mibs) {
                Ok(definition) => found.admit(definition, file, &mut problems),
                Err(refused) => {
                    problems.extend(refused.problems);
                    found.refused.extend(refused.name);
                }
            }
        }
        let mut set = Self::default();
        for definition in found.definitions.values() {
            if let Some(profile) = inherit::join(definition, &found, &mut problems) {
                let matching = definition.matching.clone();
                let name = Arc::clone(&profile.name);
                let profile = OnceLock::from(Some(Arc::new(profile)));
                set.slots.insert(name, Slot { matching, definition: OnceLock::new(), profile, file: None });
            }
        }
        (set, problems)
    }

    /// The profile of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<Profile>> {
        let slot = self.slots.get(name)?;
        slot.profile.get_or_init(|| self.read(name).map(|it| Arc::new(self.widened(it)))).as_ref()
    }

    /// The same profiles, which learn also the thresholds that are set in a device: a walk by hand can afford
    /// the more requests, and the daemon has no use for them.
    #[must_use]
    pub fn with_device_thresholds(&self) -> Self {
        let mut set = Self { slots: BTreeMap::new(), with_thresholds: true };
        for (name, slot) in &self.slots {
            let wide = |it: &Option<Arc<Profile>>| {
                OnceLock::from(it.as_ref().map(|it| Arc::new(set.widened(Profile::clone(it)))))
            };
            let profile = slot.profile.get().map_or_else(OnceLock::new, wide);
            set.slots.insert(Arc::clone(name), Slot { profile, ..slot.clone() });
        }
        set
    }

    fn widened(&self, profile: Profile) -> Profile {
        if self.with_thresholds { profile.with_device_thresholds() } else { profile }
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.slots.keys()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Profile>> {
        self.slots.keys().filter_map(|name| self.find(name))
    }

    /// The profiles that may fit a device, best first. Those with [`Profile::probes`] fit only if the
    /// agent has an instance below any of them.
    #[must_use]
    pub fn candidates(&self, system: &SystemGroup) -> Vec<Arc<Profile>> {
        let matches = self.slots.iter().filter_map(|(name, slot)| Some((&**name, slot.matching.as_ref()?)));
        let names = matcher::candidates(matches, system);
        names.into_iter().filter_map(|name| self.find(name).cloned()).collect()
    }

    /// Whether a device says a sysObjectID of no vendor that any profile names: whose it is must be asked of its
    /// objects, see [`Self::enterprise_marks`].
    #[must_use]
    pub fn is_foreign(&self, system: &SystemGroup) -> bool {
        matcher::is_foreign(self.slots.values().filter_map(|it| it.matching.as_ref()), system)
    }

    /// The places after which GETNEXT names an object of each vendor that an agent may have beside net-snmp's.
    #[must_use]
    pub fn enterprise_marks() -> Vec<Oid> {
        matcher::ENTERPRISE_MARKS.iter().map(|it| Oid::new(it)).collect()
    }

    /// The profiles with probes, best first, of the vendors that these objects belong to.
    #[must_use]
    pub fn of_enterprises(&self, objects: &[Oid]) -> Vec<Arc<Profile>> {
        let matches = self.slots.iter().filter_map(|(name, slot)| Some((&**name, slot.matching.as_ref()?)));
        let names = matcher::of_enterprises(matches, objects);
        names.into_iter().filter_map(|name| self.find(name).cloned()).collect()
    }

    /// The shipped profiles, of which just the heads are read.
    fn of_heads() -> Self {
        let mut set = Self::default();
        for file in embedded_files() {
            let Some((name, matching)) = check::head(&file.path, &file.text, Mibs::embedded()) else {
                continue;
            };
            let (definition, profile) = (OnceLock::new(), OnceLock::new());
            set.slots.insert(name.into(), Slot { matching, definition, profile, file: Some(Arc::new(file)) });
        }
        set
    }

    /// Reads a shipped profile and its ancestors.
    fn read(&self, name: &str) -> Option<Profile> {
        let mut found = Found::default();
        let mut wanted = vec![name.to_owned()];
        while let Some(next) = wanted.pop() {
            if found.definitions.contains_key(&next) {
                continue;
            }
            let definition = self.slots.get(&*next)?.definition()?;
            wanted.extend(definition.inherits.iter().map(|it| it.value.clone()));
            found.definitions.insert(next, definition);
        }
        inherit::join(found.definitions.get(name)?, &found, &mut Vec::new())
    }
}

fn embedded_files() -> impl Iterator<Item = ProfileFile> {
    let tomls = PROFILES.files().filter(|it| it.path().extension().is_some_and(|it| it == "toml"));
    tomls.map(|it| ProfileFile {
        path: Path::new("profiles").join(it.path()),
        text: String::from_utf8_lossy(it.contents()).into_owned(),
        is_users: false,
    })
}

/// The users' profiles and MIB modules, in the order of the folders and then of the names.
fn user_files(folders: &[PathBuf], problems: &mut Vec<Diagnostic>) -> (Vec<ProfileFile>, Vec<Vec<u8>>) {
    let (mut profiles, mut modules) = (Vec::new(), Vec::new());
    for folder in folders {
        let mut paths: Vec<PathBuf> = match std::fs::read_dir(folder) {
            Ok(entries) => entries.filter_map(|it| Some(it.ok()?.path())).filter(|it| it.is_file()).collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                problems.push(Diagnostic::of_file(folder, format!("cannot be read: {error}")));
                continue;
            }
        };
        paths.sort();
        for path in paths {
            match read_bounded(&path) {
                Err(why) => problems.push(Diagnostic::of_file(&path, why)),
                Ok(octets) if path.extension().is_none_or(|it| it != "toml") => modules.push(octets),
                Ok(octets) => match String::from_utf8(octets) {
                    Ok(text) => profiles.push(ProfileFile { path, text, is_users: true }),
                    Err(_) => problems.push(Diagnostic::of_file(&path, "is not UTF-8")),
                },
            }
        }
    }
    (profiles, modules)
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if FILE_MAX < size {
        return Err(format!("is {size} bytes long; at most {FILE_MAX} are read"));
    }
    std::fs::read(path).map_err(unreadable)
}

/// The definitions of all files, before they are joined.
#[derive(Default)]
pub(super) struct Found {
    pub(super) definitions: BTreeMap<String, Arc<Definition>>,
    /// Profiles with mistakes, which are told already.
    pub(super) refused: BTreeSet<String>,
}

impl Found {
    fn admit(&mut self, definition: Definition, file: ProfileFile, problems: &mut Vec<Diagnostic>) {
        let name = definition.name.value.clone();
        if let Some(first) = self.definitions.get(&name)
            && first.is_users == file.is_users
        {
            let message = format!("profile `{name}` is already in {}", first.file.display());
            let problem = Diagnostic::at(&file.path, &file.text, definition.name.span.start, message);
            problems.push(problem.with_help("give one of them another name, or remove it"));
            return;
        }
        let definition = Definition { is_users: file.is_users, text: file.text, ..definition };
        self.definitions.insert(name, Arc::new(definition));
    }
}

static PROFILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/profiles");

/// The largest vendor MIB has 2 MB; a profile has some kB.
const FILE_MAX: u64 = 16 << 20;
