//! Where the owner sits: an engine started from a settings file, on the practice tenant, and the commands of its window.

use std::sync::Arc;
use std::time::Duration;

use engine::settings::SettingsDraft;
use engine::{Engine, KeySource, Sources, SystemResolver, World};
use model::testing::{ManualClock, SeededEntropy};
use model::time::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Generous: a busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Desk {
    pub engine: Engine,
    pub clock: Arc<ManualClock>,
    /// With its settings and data.
    pub folder: TempDir,
}

impl Desk {
    /// `settings` is what its file says; the port and everything around is chosen here.
    pub async fn start(folder: TempDir, settings: &str) -> Self {
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, format!("[server]\nlisten = '127.0.0.1:0'\n{settings}"))
            .expect("a fresh folder takes the settings");
        let above = SettingsDraft::from_env([
            ("JMOP_STORAGE_DATA_DIR", folder.path().join("data").display().to_string()),
            ("JMOP_CONSOLE_LISTEN", "off".to_owned()),
            ("JMOP_PRACTICE_LISTEN", "127.0.0.1:0".to_owned()),
        ]);
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_790_000_000)));
        let world = World {
            clock: clock.clone(),
            pause: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
            master_key: KeySource::DataFolder,
            names: Arc::new(SystemResolver),
        };
        let engine = Engine::new(Sources { file, above, desktop: false }, world);
        engine.start().await.expect("it starts on the practice tenant");
        Self { engine, clock, folder }
    }

    pub async fn call(&self, command: &str, payload: Value) -> Value {
        let answer = self.engine.api().call(command, payload).await;
        answer.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// The status once it is so.
    ///
    /// # Errors
    /// The status as it stayed.
    pub async fn until(&self, what: impl Fn(&Value) -> bool) -> Result<Value, Value> {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let status = self.call("status", json!({})).await;
                if what(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        match found.await {
            Ok(status) => Ok(status),
            Err(_) => Err(self.call("status", json!({})).await),
        }
    }
}
