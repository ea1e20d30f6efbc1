//! The API keys and environments of a workspace.

use super::{ids, keys::Keys};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyType {
    Public,
    Secret,
}

impl KeyType {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Secret => "secret",
        }
    }
}

/// One API key.
#[derive(Clone)]
pub(super) struct WorkspaceKey {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: KeyType,
    /// The id of its environment; the whole workspace's where it is absent.
    pub(super) environment: Option<String>,
    pub(super) token: String,
    /// Milliseconds since 1970.
    pub(super) created_at: i64,
}

impl std::fmt::Debug for WorkspaceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkspaceKey")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The keys of a workspace, and the environments they may belong to.
#[derive(Debug)]
pub(super) struct WorkspaceKeys {
    all: Vec<WorkspaceKey>,
    /// Names; ids follow from them.
    environments: Vec<String>,
}

/// The environment of whatever belongs to none: the one that every workspace has.
const DEFAULT_ENVIRONMENT: &str = "default";

impl Default for WorkspaceKeys {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            environments: vec![DEFAULT_ENVIRONMENT.to_owned()],
        }
    }
}

/// The id of an environment.
pub(super) fn environment_id(name: &str) -> String {
    format!("ae_{}", ids::stable("environment", name, 14))
}

impl WorkspaceKeys {
    pub(super) fn add_environment(&mut self, name: &str) {
        if !self.environments.iter().any(|known| known == name) {
            self.environments.push(name.to_owned());
        }
    }

    pub(super) fn environments(&self) -> &[String] {
        &self.environments
    }

    pub(super) fn has_environment(&self, id: &str) -> bool {
        self.environments
            .iter()
            .any(|name| environment_id(name) == id)
    }

    /// A pair of keys for an environment, which is there from now on.
    pub(super) fn make_pair(&mut self, environment: &str, now: i64) -> Keys {
        self.add_environment(environment);
        let id = environment_id(environment);
        let mut make = |kind| self.make(environment, kind, Some(id.clone()), now).token;
        Keys {
            public: make(KeyType::Public),
            secret: make(KeyType::Secret),
        }
    }

    /// A new key.
    pub(super) fn make(
        &mut self,
        name: &str,
        kind: KeyType,
        environment: Option<String>,
        now: i64,
    ) -> WorkspaceKey {
        let key = WorkspaceKey {
            id: format!("ak_{}", ids::random(14)),
            name: name.to_owned(),
            kind,
            environment,
            token: ids::random(20),
            created_at: now,
        };
        self.all.push(key.clone());
        key
    }

    pub(super) fn all(&self) -> &[WorkspaceKey] {
        &self.all
    }

    /// Deletes a key. False where there is none.
    pub(super) fn delete(&mut self, id: &str) -> bool {
        let before = self.all.len();
        self.all.retain(|key| key.id != id);
        self.all.len() < before
    }

    /// The id of the environment that a secret key's events belong to.
    pub(super) fn environment_of(&self, secret: &str) -> Option<String> {
        let mut keys = self.all.iter();
        let found = keys.find(|key| key.kind == KeyType::Secret && key.token == secret)?;
        let environment = found.environment.clone();
        Some(environment.unwrap_or_else(|| environment_id(DEFAULT_ENVIRONMENT)))
    }

    pub(super) fn knows_public(&self, token: &str) -> bool {
        self.all
            .iter()
            .any(|key| key.kind == KeyType::Public && key.token == token)
    }
}
