//! The command line of `sigmavault model`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use sigmavault_catalogue::Digest;

use crate::local::LocalOptions;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) local: LocalOptions,
    /// The folder of models, instead of /srv/sigmavault/models on a pool or /var/lib/sigmavault/models
    #[arg(long, value_name = "DIR", global = true)]
    pub(super) models_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// List offered and installed models
    List,
    /// Download a model, or copy it from a folder
    ///
    /// Shows the licence and asks for its acceptance. An interrupted download resumes. Every file is verified against the
    /// SHA-256 in the catalogue before it is installed.
    Pull {
        /// A model or an alias; the default is the model of this machine's tier
        model: Option<String>,
        /// Accept this licence without asking, such as Apache-2.0
        #[arg(long, value_name = "LICENCE")]
        accept_licence: Option<String>,
        /// Verify installed files, and download damaged pieces again
        #[arg(long)]
        repair: bool,
        /// Take the files from this folder, such as a stick, instead of the network
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
    /// Add a model that is not in the catalogue
    ///
    /// FILE is a GGUF file, whatever its name (the files of ollama too), or the first of its parts, which are put together. A
    /// folder has config.json, tokenizer.json and safetensors files, as on Hugging Face. A URL leads to a GGUF file. Name, licence,
    /// context and memory need come from the model itself. What the engine cannot run is refused with its reason.
    Add {
        /// The model
        #[arg(value_name = "FILE|DIR|URL")]
        what: String,
        /// Its id; the default is made of its name
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        /// Its licence, if the model does not say it
        #[arg(long, value_name = "LICENCE")]
        licence: Option<String>,
        /// The SHA-256 that the file must have
        #[arg(long, value_name = "HEX")]
        sha256: Option<Digest>,
        /// Link the files instead of copying them; they must be of the same file system, and root's
        #[arg(long)]
        link: bool,
        /// Replace a model of the same id without asking
        #[arg(long)]
        yes: bool,
    },
    /// Carry out one request of a download for the process that started this one
    #[command(hide = true)]
    Fetch,
    /// Show the contents of a GGUF file, and whether the engine can run it
    Inspect {
        /// A file, or an installed model
        #[arg(value_name = "FILE")]
        file: String,
        /// List the tensors too
        #[arg(long)]
        tensors: bool,
    },
    /// Verify installed models against the catalogue
    Verify {
        /// A model or an alias; the default is every installed one
        model: Option<String>,
    },
    /// Remove a model from the disk
    Remove {
        /// A model or an alias
        model: String,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
}
