//! The requests.

use serde_json::{Value, json};

const SYSTEM: &str = "You are the assistant of a storage system. Answer in one or two short sentences. Use the functions for \
    everything that depends on the state of the machine, and say so when a function fails. Never delete anything without being \
    asked twice, and never tell of shares that the user may not read.";

/// A request with one message.
pub fn question(text: &str, max_tokens: u32) -> Value {
    json!({"model": "auto", "seed": 1, "max_tokens": max_tokens, "messages": [{"role": "user", "content": text}]})
}

/// A request with a system prompt and eight functions.
pub fn with_tools(text: &str) -> Value {
    let pool = json!({"type": "string", "description": "Name of the pool"});
    let share = json!({"type": "string", "description": "Name of the share"});
    let function = |name: &str, description: &str, properties: Value, required: &[&str]| {
        json!({"type": "function", "function": {"name": name, "description": description, "parameters": {
            "type": "object", "properties": properties, "required": required, "additionalProperties": false}}})
    };
    let tools = [
        function(
            "pool_status",
            "State, errors and space of a pool",
            json!({"pool": pool}),
            &["pool"],
        ),
        function(
            "list_snapshots",
            "Snapshots of a share, the newest first",
            json!({"share": share, "limit": {"type": "integer", "minimum": 1, "maximum": 100}}),
            &["share"],
        ),
        function(
            "disk_health",
            "Temperature and errors of a disk",
            json!({"disk": {"type": "string", "pattern": "^[a-z0-9]{2,12}$"}}),
            &["disk"],
        ),
        function(
            "set_quota",
            "Limits the space that a user may take on a share",
            json!({"share": share, "user": {"type": "string"}, "gigabytes": {"type": "number", "minimum": 0}}),
            &["share", "user", "gigabytes"],
        ),
        function(
            "network",
            "Addresses and speed of the network interfaces",
            json!({"family": {"enum": ["ipv4", "ipv6"]}}),
            &[],
        ),
        function(
            "search_files",
            "Files whose name or text holds the words",
            json!({"words": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 5}, "share": share}),
            &["words"],
        ),
        function(
            "start_scrub",
            "Begins to check all data of a pool",
            json!({"pool": pool}),
            &["pool"],
        ),
        function(
            "log",
            "The last lines of the system's log",
            json!({"unit": {"type": "string"}, "priority": {"enum": ["error", "warning", "info"]}}),
            &[],
        ),
    ];
    let mut request = question(text, 8);
    request["tools"] = json!(tools);
    request["messages"] = json!([{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]);
    request
}

/// The answer to the first question. It is short: with random weights it is generated in other tokens than it is encoded in
/// afterwards, so all of it is computed again.
const ANSWER: &str = "Look at the disks first.";

/// A request whose conversation has about this many tokens.
pub fn long(tokens: usize) -> Value {
    // About three characters per token, see the vocabulary.
    let notes: String = (0..)
        .map(|day| format!("On day {day} the pool had some errors and the backup was late. "))
        .take(tokens / 24)
        .collect();
    let mut request = question("", 100);
    request["response_format"] =
        json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": {"const": ANSWER}}});
    request["messages"] = json!([{"role": "system", "content": SYSTEM}, {"role": "user", "content": notes}]);
    request
}

/// The request that continues after an answer.
pub fn next(request: &Value, answer: &Value, text: &str) -> Value {
    let mut next = request.clone();
    next["response_format"] = json!({"type": "text"});
    next["max_tokens"] = json!(16);
    if let Some(messages) = next["messages"].as_array_mut() {
        messages.push(json!({"role": "assistant", "content": answer["choices"][0]["message"]["content"]}));
        messages.push(json!({"role": "user", "content": text}));
    }
    next
}
