//! The to-do list of the reference's examples. What is wrong with an entity is told all at once, in the words of the Joi library.
//! `todo:update` stores an entity whose id is not known, as the reference does.
//!
//! `cargo run --release -p sanket-async-std --example todo`, and the front end on <http://localhost:4200>.

#[path = "../serving/mod.rs"]
mod serving;
#[cfg(test)]
mod tests;

use indexmap::IndexMap;
use sanket::router::{Error, Router};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::{Uuid, Variant};

/// Entities that are kept. One more is an unknown error. The reference keeps any number.
const MAX_ENTITIES: usize = 10_000;
const MAX_TITLE: usize = 256; // UTF-16 code units, as the front end counts them.

#[derive(Clone, Serialize)]
struct Entity {
    id: String,
    title: String,
    completed: bool,
}

fn app() -> Router<IndexMap<String, Entity>> {
    let mut io = Router::<IndexMap<String, Entity>>::default();
    io.of("/")
        .on("todo:list", |cx, ()| json!({ "data": cx.state.values().collect::<Vec<_>>() }))
        .on("todo:create", |cx, payload: Value| {
            let entity = validate(&payload, true)?;
            store(cx.state, &entity)?;
            cx.broadcast().emit("todo:created", &entity);
            Ok(json!({ "data": entity.id }))
        })
        .on("todo:read", |cx, id: Value| {
            let entity = id.as_str().and_then(|id| cx.state.get(id));
            entity.map(|entity| json!({ "data": entity })).ok_or_else(|| Error::new("entity not found"))
        })
        .on("todo:update", |cx, payload: Value| {
            let entity = validate(&payload, false)?;
            store(cx.state, &entity)?;
            cx.broadcast().emit("todo:updated", entity);
            Ok(())
        })
        .on("todo:delete", |cx, id: Value| {
            id.as_str().and_then(|id| cx.state.shift_remove(id)).ok_or_else(|| Error::new("entity not found"))?;
            cx.broadcast().emit("todo:deleted", id);
            Ok(())
        });
    io
}

fn store(entities: &mut IndexMap<String, Entity>, entity: &Entity) -> Result<(), Error> {
    if entities.len() >= MAX_ENTITIES && !entities.contains_key(&entity.id) {
        return Err(Error::new("an unknown error has occurred"));
    }
    entities.insert(entity.id.clone(), entity.clone());
    Ok(())
}

/// The entity that a client has sent, or all its faults. A new one must not have an id.
fn validate(payload: &Value, is_new: bool) -> Result<Entity, Error> {
    let invalid = |details: Vec<Value>| Error::reply(json!({ "error": "invalid payload", "errorDetails": details }));
    if !payload.is_object() {
        let message = r#""value" must be of type object"#;
        return Err(invalid(vec![json!({ "message": message, "path": [], "type": "object.base" })]));
    }
    let id = match payload.get("id") {
        None if is_new => Ok(Uuid::new_v4().to_string()),
        Some(_) if is_new => Err(("any.unknown", "is not allowed")),
        id => text(id).and_then(uuid),
    };
    match (id, text(payload.get("title")).and_then(title), completed(payload.get("completed"))) {
        (Ok(id), Ok(title), Ok(completed)) => Ok(Entity { id, title, completed }),
        (id, title, completed) => {
            let faults = [("id", id.err()), ("title", title.err()), ("completed", completed.err())];
            let faults = faults.into_iter().filter_map(|(field, fault)| Some((field, fault?)));
            let detail = |(field, (kind, what))| json!({ "message": format!("\"{field}\" {what}"), "path": [field], "type": kind });
            Err(invalid(faults.map(detail).collect()))
        }
    }
}

/// Of which type a fault is, and what is said of the field.
type Fault = (&'static str, &'static str);
const MISSING: Fault = ("any.required", "is required");

fn text(value: Option<&Value>) -> Result<&str, Fault> {
    match value.ok_or(MISSING)?.as_str() {
        None => Err(("string.base", "must be a string")),
        Some("") => Err(("string.empty", "is not allowed to be empty")),
        Some(text) => Ok(text),
    }
}

fn uuid(text: &str) -> Result<String, Fault> {
    let is_v4 = |id: Uuid| id.get_version_num() == 4 && id.get_variant() == Variant::RFC4122;
    Uuid::try_parse(text).is_ok_and(is_v4).then(|| text.into()).ok_or(("string.guid", "must be a valid GUID"))
}

fn title(text: &str) -> Result<String, Fault> {
    let text = (text.encode_utf16().count() <= MAX_TITLE).then(|| text.into());
    text.ok_or(("string.max", "length must be less than or equal to 256 characters long"))
}

/// Joi takes text for booleans, too.
fn completed(value: Option<&Value>) -> Result<bool, Fault> {
    let completed = match value.ok_or(MISSING)? {
        Value::String(text) => text.to_ascii_lowercase().parse().ok(),
        value => value.as_bool(),
    };
    completed.ok_or(("boolean.base", "must be a boolean"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    serving::serve(app(), "http://localhost:4200")
}
