//! Whether uploaded code starts, and how it is handed to the runtime.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use edgeproof_ground::process::{ScratchDirectory, write_private};
use edgeproof_runtime::{self as runtime, Bundle, Runtime, RuntimeError, WorkerConfig};

use super::{account::Code, error::ApiError, upload::Upload};

/// Lets pass scripts that the runtime starts.
#[derive(Clone, Debug)]
pub(super) struct Validator {
    workerd: Option<PathBuf>,
}

impl Validator {
    /// One that starts every script; without a runtime all code is accepted.
    pub(super) fn new(workerd: Option<PathBuf>) -> Self {
        Self { workerd }
    }

    /// Starts the script and ends it again, as Cloudflare does with every upload.
    ///
    /// # Errors
    /// 10021 with what the runtime says about code that does not start.
    pub(super) async fn accept(&self, upload: Upload) -> Result<Upload, ApiError> {
        let Some(workerd) = &self.workerd else {
            return Ok(upload);
        };
        match try_start(workerd, &upload).await {
            Ok(()) => Ok(upload),
            Err(RuntimeError::Ended(lines) | RuntimeError::Silent(lines)) => {
                Err(ApiError::invalid_script(lines.join("\n")))
            }
            Err(RuntimeError::Start(error)) => Err(ApiError::new(
                http::StatusCode::INTERNAL_SERVER_ERROR,
                10013,
                format!("the runtime that tries uploads could not be started: {error}"),
            )),
        }
    }
}

async fn try_start(workerd: &Path, upload: &Upload) -> Result<(), RuntimeError> {
    let directory = ScratchDirectory::create(&std::env::temp_dir(), "edgeproof-upload-")
        .map_err(RuntimeError::Start)?;
    let worker = WorkerConfig {
        name: "script".to_owned(),
        bundle: write(&upload.code, &directory.path()).map_err(RuntimeError::Start)?,
        variables: BTreeMap::new(),
        options: upload.metadata.options(),
        // Nobody listens there: code that is only started asks nobody.
        internet: SocketAddr::from((Ipv4Addr::LOCALHOST, 9)),
    };
    let runtime = Runtime::start(workerd, &[worker]).await?;
    runtime.stop().await;
    Ok(())
}

/// Writes the modules below `directory`. Their files have numbers: what a script calls a module is no path of this machine.
///
/// # Errors
/// Where a file cannot be written.
pub(super) fn write(code: &Code, directory: &Path) -> io::Result<Bundle> {
    let mut modules = Vec::new();
    for (number, module) in code.modules.iter().enumerate() {
        let path = directory.join(number.to_string());
        write_private(&path, &module.content)?;
        if let Some(source_map) = &module.source_map {
            write_private(&path.with_extension("map"), source_map)?;
        }
        modules.push(runtime::Module {
            name: module.name.clone(),
            path,
            kind: module.kind,
        });
    }
    Ok(Bundle {
        syntax: code.syntax,
        modules,
        folder: None,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use edgeproof_runtime::{ModuleKind, Syntax};

    use super::*;
    use crate::plane::account::Module;

    #[test]
    fn a_source_map_lies_beside_its_module() {
        let module = |name: &str, source_map: Option<&'static str>| Module {
            name: name.to_owned(),
            kind: ModuleKind::EsModule,
            content_type: String::new(),
            content: Bytes::from_static(b"export default {}"),
            source_map: source_map.map(Bytes::from),
        };
        let modules = vec![module("index.js", None), module("../lib.js", Some("{}"))];
        let code = Code::new(Syntax::Module, modules);
        let directory = ScratchDirectory::create(&std::env::temp_dir(), "edgeproof-code-").unwrap();
        write(&code, &directory.path()).unwrap();
        let entries = std::fs::read_dir(directory.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["0", "1", "1.map"]);
    }
}
