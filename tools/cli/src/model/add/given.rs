//! What was named on the command line.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sigmavault_catalogue::Digest;

use super::error::AddError;

/// How a GGUF file begins.
pub const MAGIC: &[u8; 4] = b"GGUF";

/// Files of a folder of transformers that the engine reads, or people do, apart from those with tensors.
const BESIDE: [&str; 7] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "generation_config.json",
    "special_tokens_map.json",
    "README.md",
];

/// A model as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// A GGUF file, whatever its name.
    Gguf(PathBuf),
    /// The parts of a GGUF file, in their order.
    Parts(Vec<PathBuf>),
    /// A folder of transformers.
    Folder {
        /// The folder.
        path: PathBuf,
        /// Names of the files to take; the first is the one to open.
        files: Vec<String>,
    },
    /// A file on the net.
    Url(String),
}

impl Given {
    /// Looks at what was named, by content rather than name.
    pub fn of(text: &str) -> Result<Self, AddError> {
        if ["https://", "http://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
        {
            return Ok(Self::Url(text.to_owned()));
        }
        let path = fs::canonicalize(text).map_err(AddError::read(text))?;
        let facts = fs::metadata(&path).map_err(AddError::read(text))?;
        if facts.is_dir() {
            return folder(path);
        }
        if !facts.is_file() {
            return Err(AddError::damaged(text, "it is neither a file nor a folder"));
        }
        let start = start(&path)?;
        if start.starts_with(MAGIC) {
            return match parts(&path)? {
                Some(parts) => Ok(Self::Parts(parts)),
                None => Ok(Self::Gguf(path)),
            };
        }
        Err(no_model(text, &start))
    }

    /// The name that stands for it in messages.
    pub fn place(&self) -> String {
        match self {
            Self::Gguf(path) | Self::Folder { path, .. } => path.display().to_string(),
            Self::Parts(parts) => parts
                .first()
                .map_or_else(String::new, |path| path.display().to_string()),
            Self::Url(url) => url.clone(),
        }
    }

    /// The name of its file or folder, without what tells the format.
    pub fn stem(&self) -> String {
        let name = match self {
            Self::Gguf(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
            Self::Folder { path, .. } => path.file_name().map(|name| name.to_string_lossy().into_owned()),
            Self::Parts(parts) => parts.first().and_then(|path| {
                let name = path.file_name()?.to_string_lossy().into_owned();
                Some(part_name(&name)?.0.to_owned())
            }),
            Self::Url(url) => {
                let path = url.split(['?', '#']).next().unwrap_or(url);
                path.rsplit('/').next().map(str::to_owned)
            }
        };
        let name = name.unwrap_or_default();
        name.strip_suffix(".gguf").unwrap_or(&name).to_owned()
    }
}

/// The SHA-256 that ollama names its files by: `sha256-` and 64 digits.
pub fn digest_of_name(path: &Path) -> Option<Digest> {
    path.file_name()?.to_str()?.strip_prefix("sha256-")?.parse().ok()
}

pub fn no_model(place: &str, start: &[u8]) -> AddError {
    AddError::NoModel {
        place: place.to_owned(),
        start: String::from_utf8_lossy(start).into_owned(),
    }
}

/// The first bytes of a file.
fn start(path: &Path) -> Result<Vec<u8>, AddError> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(AddError::read(path.display()))?;
    file.take(16)
        .read_to_end(&mut start)
        .map_err(AddError::read(path.display()))?;
    Ok(start)
}

/// `x`, 1 and 3 of `x-00001-of-00003.gguf`, as llama.cpp names the parts of a file.
fn part_name(name: &str) -> Option<(&str, u32, u32)> {
    let (rest, count) = name.strip_suffix(".gguf")?.rsplit_once("-of-")?;
    let (stem, number) = rest.rsplit_once('-')?;
    let parse = |digits: &str| -> Option<u32> { (digits.len() == 5).then(|| digits.parse().ok())? };
    let (number, count) = (parse(number)?, parse(count)?);
    (number >= 1 && number <= count).then_some((stem, number, count))
}

/// All parts of the file of which this is one, if it is one.
fn parts(path: &Path) -> Result<Option<Vec<PathBuf>>, AddError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some((stem, _, count)) = part_name(&name) else {
        return Ok(None);
    };
    if count == 1 {
        return Ok(None);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let all = (1..=count).map(|number| folder.join(format!("{stem}-{number:05}-of-{count:05}.gguf")));
    let all: Vec<PathBuf> = all.collect();
    if let Some(missing) = all.iter().find(|path| !path.is_file()) {
        let why = format!("it is one of {count} parts, and {} is missing", missing.display());
        return Err(AddError::damaged(path.display(), why));
    }
    Ok(Some(all))
}

/// The model in a folder.
fn folder(path: PathBuf) -> Result<Given, AddError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(&path).map_err(AddError::read(path.display()))? {
        let entry = entry.map_err(AddError::read(path.display()))?;
        if let Ok(name) = entry.file_name().into_string()
            && entry.path().is_file()
        {
            names.push(name);
        }
    }
    names.sort();
    let has = |name: &str| names.iter().any(|other| other == name);
    let tensors: Vec<&String> = names
        .iter()
        .filter(|name| name.ends_with(".safetensors"))
        .collect();
    if !tensors.is_empty() {
        for needed in ["config.json", "tokenizer.json"] {
            if !has(needed) {
                return Err(AddError::folder(
                    &path,
                    format!("a model of safetensors files needs {needed} beside them"),
                ));
            }
        }
        let index = "model.safetensors.index.json";
        let mut files = if has("model.safetensors") {
            vec!["model.safetensors".to_owned()]
        } else if has(index) {
            let mut files = vec![index.to_owned()];
            files.extend(tensors.into_iter().cloned());
            files
        } else {
            let why = "its safetensors files are named neither model.safetensors nor by a model.safetensors.index.json";
            return Err(AddError::folder(&path, why));
        };
        files.extend(BESIDE.into_iter().filter(|name| has(name)).map(str::to_owned));
        return Ok(Given::Folder { path, files });
    }
    let ggufs: Vec<&String> = names.iter().filter(|name| is_gguf(name)).collect();
    let (Some(first), last) = (ggufs.first(), ggufs.last()) else {
        return Err(AddError::folder(
            &path,
            "it has neither a GGUF file nor safetensors files",
        ));
    };
    let model =
        |name: &str| part_name(name).map_or(name.to_owned(), |(stem, _, count)| format!("{stem} of {count}"));
    if last.is_some_and(|last| ggufs.len() > 1 && model(first) != model(last)) {
        let all: Vec<&str> = ggufs.iter().map(|name| name.as_str()).collect();
        return Err(AddError::folder(
            &path,
            format!("it has several models: {}; name one", all.join(", ")),
        ));
    }
    Given::of(&path.join(first).display().to_string())
}

/// Whether a file's name is one of a GGUF file.
fn is_gguf(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_as_llama_cpp_names_them() {
        assert_eq!(part_name("a-b-00002-of-00003.gguf"), Some(("a-b", 2, 3)));
        for name in [
            "a.gguf",
            "a-00004-of-00003.gguf",
            "a-00000-of-00003.gguf",
            "a-1-of-3.gguf",
            "a-00001-of-00003.bin",
            "-of-.gguf",
        ] {
            assert_eq!(part_name(name), None, "{name}");
        }
    }

    #[test]
    fn names_without_their_formats() {
        let stem = |given: Given| given.stem();
        assert_eq!(
            stem(Given::Url("https://x.org/a/B-1.5.gguf?download=true#x".into())),
            "B-1.5"
        );
        assert_eq!(stem(Given::Gguf("/a/Qwen3.gguf".into())), "Qwen3");
        assert_eq!(stem(Given::Parts(vec!["/a/Q-00001-of-00002.gguf".into()])), "Q");
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let blob = format!("/blobs/sha256-{digest}");
        assert_eq!(
            digest_of_name(Path::new(&blob)).map(|found| found.to_string()),
            Some(digest.into())
        );
        assert_eq!(digest_of_name(Path::new("/blobs/sha256-12")), None);
    }

    #[test]
    fn a_folder_holds_one_model() {
        let folder = tempfile::tempdir().unwrap();
        let given = || Given::of(folder.path().to_str().unwrap()).map_err(|error| error.to_string());
        let why = |error: &str| Err(format!("nothing was added: {}: {error}", folder.path().display()));
        assert_eq!(given(), why("it has neither a GGUF file nor safetensors files"));
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("b.gguf", "GGUF");
        assert_eq!(given(), Ok(Given::Gguf(folder.path().join("b.gguf"))));
        write("a.gguf", "GGUF");
        assert_eq!(given(), why("it has several models: a.gguf, b.gguf; name one"));
        write("model.safetensors", "");
        assert_eq!(
            given(),
            why("a model of safetensors files needs config.json beside them")
        );
        write("config.json", "{}");
        write("tokenizer.json", "{}");
        write("pytorch_model.bin", "");
        let files = ["model.safetensors", "config.json", "tokenizer.json"].map(str::to_owned);
        assert_eq!(
            given(),
            Ok(Given::Folder {
                path: folder.path().to_owned(),
                files: files.to_vec()
            })
        );
    }
}
