//! Reads the multipart form in which a script is uploaded.

use std::{collections::BTreeMap, convert::Infallible};

use bytes::Bytes;
use edgeproof_runtime::{ModuleKind, Syntax};
use http::{HeaderMap, header};
use multer::Multipart;

use super::{
    account::{Code, Module},
    bindings::{self, Wanted},
    error::ApiError,
    limits::WorkersPlan,
    metadata::Metadata,
};

/// The fields that a form may have; a script of more modules is not one that this account takes.
const PARTS: usize = 2000;

/// A script as it was uploaded.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) code: Code,
    pub(super) metadata: Metadata,
    pub(super) bindings: Vec<Wanted>,
}

/// Reads the form.
///
/// # Errors
/// 10006 where it is none, 10021 where its parts make no script, 10027 where it is too large.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Bytes,
    plan: WorkersPlan,
) -> Result<Upload, ApiError> {
    let (metadata, parts) = form(headers, body).await?;
    let metadata =
        metadata.ok_or_else(|| ApiError::unreadable("the form has no field `metadata`"))?;
    let metadata: Metadata = serde_json::from_slice(&metadata).map_err(ApiError::unreadable)?;
    metadata.check(plan)?;
    plan.check_size(parts.values().map(|part| part.content.as_ref()))?;
    let code = code(&metadata, parts)?;
    let bindings = metadata
        .bindings
        .iter()
        .map(bindings::read)
        .collect::<Result<_, _>>()?;
    Ok(Upload {
        code,
        metadata,
        bindings,
    })
}

/// A file of the form.
struct Part {
    content_type: String,
    content: Bytes,
}

/// The metadata, and the other parts by name.
async fn form(
    headers: &HeaderMap,
    body: Bytes,
) -> Result<(Option<Bytes>, BTreeMap<String, Part>), ApiError> {
    let mut form = multipart(headers, body)?.ok_or_else(|| {
        ApiError::not_emulated("uploads that are no multipart form, such as a bare script")
    })?;
    let (mut metadata, mut parts) = (None, BTreeMap::new());
    while let Some(field) = form.next_field().await.map_err(ApiError::unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        let content_type = field
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let content = field.bytes().await.map_err(ApiError::unreadable)?;
        if name == "metadata" {
            metadata = Some(content);
        } else if parts.len() == PARTS {
            return Err(ApiError::invalid_script(format!(
                "The form has more than {PARTS} modules."
            )));
        } else if parts
            .insert(
                name.clone(),
                Part {
                    content_type,
                    content,
                },
            )
            .is_some()
        {
            return Err(ApiError::invalid_script(format!(
                "There are two modules called {name:?}."
            )));
        }
    }
    Ok((metadata, parts))
}

/// The body as a form; nothing where it is none.
fn multipart(headers: &HeaderMap, body: Bytes) -> Result<Option<Multipart<'static>>, ApiError> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !content_type.starts_with("multipart/") {
        return Ok(None);
    }
    let boundary = multer::parse_boundary(content_type).map_err(ApiError::unreadable)?;
    let once = futures_util::stream::once(async move { Ok::<_, Infallible>(body) });
    Ok(Some(Multipart::new(once, boundary)))
}

/// One field of a form; nothing where the body is no form.
///
/// # Errors
/// 10006 where the form cannot be read or has no such field.
pub(super) async fn field(
    headers: &HeaderMap,
    body: Bytes,
    name: &str,
) -> Result<Option<Bytes>, ApiError> {
    let Some(mut form) = multipart(headers, body)? else {
        return Ok(None);
    };
    while let Some(field) = form.next_field().await.map_err(ApiError::unreadable)? {
        if field.name() == Some(name) {
            return field.bytes().await.map(Some).map_err(ApiError::unreadable);
        }
    }
    Err(ApiError::unreadable(format!(
        "the form has no field `{name}`"
    )))
}

/// The modules, the main one first.
fn code(metadata: &Metadata, mut parts: BTreeMap<String, Part>) -> Result<Code, ApiError> {
    let (syntax, main) = match (&metadata.main_module, &metadata.body_part) {
        (Some(main), None) => (Syntax::Module, main),
        (None, Some(main)) => (Syntax::ServiceWorker, main),
        _ => {
            return Err(ApiError::invalid_script(
                "The metadata must name either a `main_module` or a `body_part`.",
            ));
        }
    };
    let (name, part) = parts.remove_entry(main).ok_or_else(|| {
        let key = match syntax {
            Syntax::Module => "main_module",
            Syntax::ServiceWorker => "body_part",
        };
        ApiError::invalid_script(format!(
            "No part of the form is called {main:?}, which is the `{key}`."
        ))
    })?;
    let main = module(name, part, syntax)?.map(|module| match module.kind {
        // What a main module is, its metadata says.
        ModuleKind::CommonJs => Module {
            kind: ModuleKind::EsModule,
            ..module
        },
        _ => module,
    });
    let main = main.filter(|module| module.kind == ModuleKind::EsModule);
    let main =
        main.ok_or_else(|| ApiError::invalid_script("The main module must be JavaScript."))?;
    let mut modules = vec![main];
    let mut source_maps = BTreeMap::new();
    for (name, part) in parts {
        let content = part.content.clone();
        match module(name.clone(), part, syntax)? {
            Some(module) => modules.push(module),
            None => {
                source_maps.insert(name, content);
            }
        }
    }
    for module in &mut modules {
        module.source_map = source_maps.remove(&format!("{}.map", module.name));
    }
    if syntax == Syntax::ServiceWorker && modules.len() > 1 {
        return Err(ApiError::not_emulated(
            "further parts of a service worker; an ES module may import them",
        ));
    }
    Ok(Code::new(syntax, modules))
}

/// A part as a module; nothing where it is not one, as a source map is not.
fn module(name: String, part: Part, syntax: Syntax) -> Result<Option<Module>, ApiError> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(ApiError::invalid_script(format!(
            "{name:?} is not the name of a module."
        )));
    }
    let essence = part
        .content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let kind = match essence {
        "application/javascript+module" => ModuleKind::EsModule,
        "application/javascript" | "text/javascript" => match syntax {
            Syntax::Module => ModuleKind::CommonJs,
            Syntax::ServiceWorker => ModuleKind::EsModule,
        },
        "application/json" => ModuleKind::Json,
        "application/wasm" => ModuleKind::Wasm,
        "text/plain" | "text/html" => ModuleKind::Text,
        "application/octet-stream" => ModuleKind::Data,
        "application/source-map" => return Ok(None),
        other => {
            return Err(ApiError::not_emulated(&format!(
                "modules of type {other:?}; {name:?} is one"
            )));
        }
    };
    if !matches!(kind, ModuleKind::Wasm | ModuleKind::Data)
        && std::str::from_utf8(&part.content).is_err()
    {
        return Err(ApiError::invalid_script(format!(
            "The module {name:?} is not UTF-8."
        )));
    }
    Ok(Some(Module {
        name,
        kind,
        content_type: part.content_type,
        content: part.content,
        source_map: None,
    }))
}
