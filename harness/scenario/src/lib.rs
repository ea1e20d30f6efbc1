//! The scenario language: what a file may say, and what is wrong with one that does not read.
//!
//! A file is one scenario. It says what is *given* (the rig), which *steps* visitors take, and what must be true:
//!
//! ```yaml
//! scenario: A visitor in a private window is blocked        # the claim; reports show it
//! tags: [flow, browser]                                     # edgeproof run --tag "flow and not browser"
//! given:
//!   zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
//!   deployments:
//!     flow:
//!       identification_pages: [shop.example/signup]
//!       protected_apis: [POST shop.example/api/create-account*]
//!       failure_mode: closed
//!       ruleset: no-incognito
//!   rulesets:
//!     no-incognito: { rules: [{ if: incognito, block: { status: 403 } }] }
//!   visitors:
//!     ann: { profile: incognito }
//! steps:
//!   - visit: https://shop.example/signup
//!   - click: "#create"
//!     call: POST /api/create-account                        # the call this step causes
//!     expect: { status: 403, origin: { reached: false } }   # is about that call
//! expect:                                                   # at the end
//!   events: [{ incognito: true }]
//! ```
//!
//! # Steps
//!
//! | step | who takes it |
//! |---|---|
//! | `visit: URL`, `click: SELECTOR`, `hover: SELECTOR`, `press: Control+a`, or `{key: Enter, in: SELECTOR}` | a browser |
//! | `fill: {SELECTOR: TEXT}` for every kind of field, `select: {SELECTOR: OPTION}`, `check`, `uncheck: SELECTOR`, `upload: {SELECTOR: FILE}`, `submit: SELECTOR` | a browser |
//! | `run: SCRIPT`, `wait: POST /api/*` (for a call that the last step has made or will make), `wait: {for: SELECTOR}` (see [`input`]) | a browser |
//! | `request: GET URL`, or `{method, url, headers, body, signals, pad, version}` | an HTTP client |
//! | `raw: {to: URL, send: BYTES}` | an HTTP client |
//! | `probe: CALL`, or `{call, headers, body, ran_header}` | an HTTP client |
//! | `deploy: {apply: FILE}`, or `plan`, `delete`, `show`, `list`, `delete_ruleset`: the command, against the rig's own APIs | nobody |
//! | `advance: 60s`, `set: {faults, cloudflare, rulesets, node, signals, deployments}` | nobody: the clock moves, the rig changes |
//!
//! `as: NAME` says which visitor; `frame: SELECTOR` and `window: URL` in which document; `dialog: accept`, `dismiss` or a
//! text how a dialog is answered; `call: POST /api/*` names the call of the page that the step causes; `timeout: 5s`
//! limits it; `safe_to_repeat: true` says that it does no harm at a deployed site; `capture: {id: {json: /account}}` keeps a value for later, where `${id}` stands for it. A body is a text,
//! or `{json: …}`, `{form: …}`, `{file: PATH}`, `{bytes: N}`.
//!
//! # Expectations
//!
//! Of a step: `status`, `headers`, `header_bytes`, `body`, `cache`, `page`, `console`, `whole_console`,
//! `unchanged_except`, `within`, `after`, `before`, `faster_than`, `request`, `origin`, `node`, `worker`, `cloudflare`; of a
//! `deploy` step, `deployment`; of a `probe` step, `holes`. At the end: `origin`, `node`, `worker`, `cloudflare`, `events`, `attacks`. A `message` of one's own can stand in each mapping; the nearest is told. See [`expect`].
//!
//! A text is written as it is, or as conditions: `{contains: …}`, `{starts_with: …}`, `{matches: …}`, `{one_of: […]}`,
//! `{json: {…}}`, `{json_path: {$.a: …}}`, `{length: {max: 9}}`, `{present: false}`, and `{not: …}` around any of them. See [`text`].
//!
//! # Sharing
//!
//! Values: `${name}` stands for a value of the matrix, a captured one, `${env.NAME}` or `${unique}`, wherever a value can
//! stand; see [`filling`]. It is filled into the tree before that is read into types, so no type knows of it. Paths are
//! relative to the file they stand in. A text is what stands in the file, with or without quotes.
//!
//! `_defaults.yaml` holds for every scenario in its folder and below; `include: FILE` takes over what a file says, and
//! `- include: FILE` the steps in it. See [`layers`]. `matrix` multiplies a scenario; see [`matrix`]. `depends_on` names
//! those that must pass first; see [`depends`].
//!
//! `scenarios/schema.json` describes files for editors; it is made from the types in here. See [`schema`].
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

pub mod case;
pub mod cloudflare;
pub mod depends;
pub mod deploying;
mod deployment_file;
pub mod environment;
mod existing;
pub mod expect;
pub mod file;
mod files;
pub mod filling;
pub mod input;
pub mod json;
pub mod layers;
pub mod lint;
mod live;
pub mod load;
pub mod matrix;
pub mod names;
mod other_words;
mod paths;
pub mod probing;
mod reading;
pub mod request;
pub mod schema;
pub mod select;
pub mod shard;
pub mod status;
pub mod step;
pub mod template;
pub mod text;
