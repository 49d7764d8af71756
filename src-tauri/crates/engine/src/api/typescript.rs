//! The types of commands and events as the pages know them: written from the table, kept in `ui/host`, compared here.

use std::any::TypeId;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::Path;

use ts_rs::{Config, TS, TypeVisitor};

use model::upstream::Fixer;

use super::ApiEvent;

/// Set to write the file anew instead of comparing it.
const WRITE: &str = "JMOP_WRITE_TYPES";
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../ui/host/engine.ts");

pub(super) struct Declarations {
    config: Config,
    seen: HashSet<TypeId>,
    /// By name.
    types: BTreeMap<String, String>,
    commands: String,
}

impl Declarations {
    fn new() -> Self {
        // Times and counts stay below 2^53.
        let config = Config::new().with_large_int("number");
        Self { config, seen: HashSet::new(), types: BTreeMap::new(), commands: String::new() }
    }

    pub(super) fn command<Request: TS + 'static, Answer: TS + 'static>(&mut self, name: &str, about: &str) {
        self.visit::<Request>();
        self.visit::<Answer>();
        let (request, answer) = (Request::name(&self.config), Answer::name(&self.config));
        let about = about.trim();
        writeln!(self.commands, "  /** {about} */\n  {name}: [{request}, {answer}];").unwrap();
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "// Written from the engine's table of commands by its tests (JMOP_WRITE_TYPES=1 cargo test -p engine types); \
             do not edit.\n// Times are milliseconds since the Unix epoch.\n\n\
             export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };\n\
             export type Claims = { [claim: string]: Json };\n\n",
        );
        for declaration in self.types.values() {
            text.push_str(declaration);
            text.push_str("\n\n");
        }
        text.push_str("/** Who can mend what was refused: one sentence. */\n");
        text.push_str("export const FIXERS: Record<Fixer, string> = {\n");
        for fixer in Fixer::ALL {
            let name = serde_json::to_value(fixer).unwrap();
            writeln!(text, "  {}: '{}',", name.as_str().unwrap(), fixer.sentence()).unwrap();
        }
        text.push_str("};\n\nexport interface EngineCommands {\n");
        text.push_str(&self.commands);
        text.push_str("}\n\nexport type Events = { [E in ApiEvent as E['event']]: E['payload'] };\n");
        text
    }
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
        if T::output_path().is_none() {
            return; // a list, a map, or what TypeScript has itself
        }
        let docs = T::docs().map(|docs| format!("{}\n", docs.trim_end())).unwrap_or_default();
        self.types.insert(T::ident(&self.config), format!("{docs}export {}", T::decl(&self.config)));
    }
}

#[test]
fn the_types_of_the_pages_are_those_of_the_table() {
    let mut declarations = Declarations::new();
    super::declare(&mut declarations);
    declarations.visit::<ApiEvent>();
    let text = declarations.text();
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(FILE, text).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(Path::new(FILE)).unwrap_or_default();
    assert!(
        kept == text,
        "ui/host/engine.ts is not what the table says: run this test with {WRITE}=1 and commit the file"
    );
}
