//! A reference interpreter for the flows of the fault runs: the commands that a call with a given script must receive.
//!
//! Deliberately small and written from `flow-language.md` alone. It knows neither time nor inboxes: a script says what
//! the caller and the gateway did, and the answer is the list of commands, in order.

use serde_json::Value;
use std::collections::VecDeque;

/// Inputs of one call, as the carrier reports them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallScript {
    pub from: String,
    pub to: String,
    /// Input of each `digits_receive` in turn; when none is left, no digit is pressed.
    pub digits: VecDeque<char>,
    /// The caller hangs up in the `digits_receive` with this id.
    pub hangs_up_at: Option<String>,
    /// The action whose command the gateway fails.
    pub fails_at: Option<String>,
}

/// One command that the flow asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub kind: String,
    pub action_id: String,
    pub text: Option<String>,
}

/// A flow document, read as plain JSON.
pub struct Flow {
    actions: Vec<Value>,
}

/// Next action.
enum Next {
    Following,
    At(String),
    End,
}

impl Flow {
    /// # Errors
    /// The text is not JSON with a list of actions.
    pub fn read(document: &str) -> anyhow::Result<Flow> {
        let value: Value = serde_json::from_str(document)?;
        let actions = value["actions"].as_array().cloned();
        Ok(Flow { actions: actions.ok_or_else(|| anyhow::anyhow!("the flow has no actions"))? })
    }

    /// Commands that a call with this script must receive.
    ///
    /// # Errors
    /// The flow uses something that this interpreter does not support.
    pub fn asked(&self, mut script: CallScript) -> anyhow::Result<Vec<Asked>> {
        let mut asked = Vec::new();
        let mut at = 0;
        let mut pressed = String::new();
        while let Some(action) = self.actions.get(at) {
            let next = act(action, &mut script, &mut pressed, &mut asked)?;
            at = match next {
                Next::End => break,
                Next::At(id) => self.position(&id)?,
                Next::Following => match action["next_id"].as_str() {
                    Some(id) => self.position(id)?,
                    None => at + 1,
                },
            };
        }
        Ok(asked)
    }

    fn position(&self, id: &str) -> anyhow::Result<usize> {
        let found = self.actions.iter().position(|action| action["id"] == id);
        found.ok_or_else(|| anyhow::anyhow!("the flow has no action `{id}`"))
    }
}

fn act(
    action: &Value,
    script: &mut CallScript,
    pressed: &mut String,
    asked: &mut Vec<Asked>,
) -> anyhow::Result<Next> {
    let id = action["id"].as_str().unwrap_or_default();
    let option = &action["option"];
    let kind = action["type"].as_str().unwrap_or_default();
    match kind {
        "answer" | "talk" | "play" | "hangup" => {
            let text = option["text"].as_str().map(|text| filled(text, script, pressed));
            asked.push(Asked { kind: format!("call.{kind}"), action_id: id.into(), text });
            Ok(match (kind, action["on_error"].as_str()) {
                ("hangup", _) => Next::End,
                (_, Some(target)) if script.fails_at.as_deref() == Some(id) => Next::At(target.into()),
                _ => Next::Following,
            })
        }
        "digits_receive" if script.hangs_up_at.as_deref() == Some(id) => Ok(Next::End),
        "digits_receive" => {
            *pressed = script.digits.pop_front().map(String::from).unwrap_or_default();
            Ok(Next::Following)
        }
        "branch" => {
            let target = option["target_ids"].get(pressed.as_str()).unwrap_or(&option["default_target_id"]);
            Ok(Next::At(target.as_str().unwrap_or_default().into()))
        }
        "sleep" => Ok(Next::Following),
        other => anyhow::bail!("the reference interpreter does not know `{other}`"),
    }
}

fn filled(text: &str, script: &CallScript, pressed: &str) -> String {
    text.replace("${call.from}", &script.from)
        .replace("${call.to}", &script.to)
        .replace("${call.digits}", pressed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: &str = r#"{ "actions": [
        { "id": "menu", "type": "talk", "option": { "text": "Hello ${call.from}." } },
        { "id": "pick", "type": "digits_receive", "option": {} },
        { "id": "route", "type": "branch", "option": { "target_ids": { "1": "one" }, "default_target_id": "bye" } },
        { "id": "one", "type": "talk", "option": { "text": "You pressed ${call.digits}." }, "on_error": "sorry", "next_id": "bye" },
        { "id": "sorry", "type": "play", "option": {} },
        { "id": "bye", "type": "hangup", "option": {} }
    ] }"#;

    fn asked_for(script: CallScript) -> Vec<String> {
        let asked = Flow::read(FLOW).unwrap().asked(script).unwrap();
        asked.into_iter().map(|asked| asked.action_id).collect()
    }

    #[test]
    fn a_digit_takes_its_branch() {
        let script = CallScript { digits: ['1'].into(), ..CallScript::default() };
        assert_eq!(asked_for(script), ["menu", "one", "bye"]);
        assert_eq!(asked_for(CallScript::default()), ["menu", "bye"]);
    }

    #[test]
    fn a_failure_takes_the_way_of_errors() {
        let script =
            CallScript { digits: ['1'].into(), fails_at: Some("one".into()), ..CallScript::default() };
        assert_eq!(asked_for(script), ["menu", "one", "sorry", "bye"]);
    }

    #[test]
    fn a_caller_who_hangs_up_hears_nothing_more() {
        let script = CallScript { hangs_up_at: Some("pick".into()), ..CallScript::default() };
        assert_eq!(asked_for(script), ["menu"]);
    }

    #[test]
    fn texts_carry_what_the_caller_did() {
        let script = CallScript { from: "+15550100".into(), digits: ['1'].into(), ..CallScript::default() };
        let asked = Flow::read(FLOW).unwrap().asked(script).unwrap();
        assert_eq!(asked[0].text.as_deref(), Some("Hello +15550100."));
        assert_eq!(asked[1].text.as_deref(), Some("You pressed 1."));
    }
}
