package io.ffrtmp.governance.examples;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/**
 * Holds JSON against a schema in the words of JSON Schema that ours needs: type, enum, pattern (of
 * the whole text), minimum, maximum, required, properties, additionalProperties (false), items,
 * anyOf, and $ref to a name in $defs. Any other word is refused: what is not checked must not look
 * as if it were.
 */
final class SchemaCheck {
  private final JsonNode root;
  private final List<String> mistakes = new ArrayList<>();

  private SchemaCheck(JsonNode root) {
    this.root = root;
  }

  /** Each mistake, with where it is; empty if there is none. */
  static List<String> mistakes(JsonNode schema, JsonNode value) {
    SchemaCheck check = new SchemaCheck(schema);
    check.all("$", schema, value);
    return check.mistakes;
  }

  private void all(String at, JsonNode schema, JsonNode value) {
    schema.properties().forEach(each -> one(at, each.getKey(), each.getValue(), schema, value));
  }

  private void one(String at, String word, JsonNode says, JsonNode schema, JsonNode value) {
    switch (word) {
      case "$comment", "$defs" -> {}
      case "$ref" -> all(at, root.path("$defs").required(says.asText()), value);
      case "type" -> expect(isOne(says, value), at, "is not of type " + says);
      case "enum" -> expect(contains(says, value), at, value + " is not one of " + says);
      case "pattern" ->
          expect(value.asText().matches(says.asText()), at, value + " is not like " + says);
      case "minimum" ->
          expect(value.asDouble() >= says.asDouble(), at, value + " is below " + says);
      case "maximum" ->
          expect(value.asDouble() <= says.asDouble(), at, value + " is above " + says);
      case "required" -> says.forEach(key -> expect(value.has(key.asText()), at, "has no " + key));
      case "properties" ->
          says.properties()
              .forEach(
                  each -> {
                    if (value.has(each.getKey())) {
                      all(at + "." + each.getKey(), each.getValue(), value.get(each.getKey()));
                    }
                  });
      case "additionalProperties" ->
          value
              .properties()
              .forEach(
                  each ->
                      expect(
                          schema.path("properties").has(each.getKey()),
                          at,
                          "has an unknown " + each.getKey()));
      case "items" -> {
        for (int i = 0; i < value.size(); i++) {
          all(at + "[" + i + "]", says, value.get(i));
        }
      }
      case "anyOf" -> anyOf(at, says, value);
      default -> throw new IllegalArgumentException("unknown word in the schema: " + word);
    }
  }

  /** If none fits, the mistakes against the one that fits best tell most. */
  private void anyOf(String at, JsonNode choices, JsonNode value) {
    List<String> fewest = List.of();
    for (int i = 0; i < choices.size(); i++) {
      SchemaCheck check = new SchemaCheck(root);
      check.all(at, choices.get(i), value);
      if (i == 0 || check.mistakes.size() < fewest.size()) {
        fewest = check.mistakes;
      }
    }
    mistakes.addAll(fewest);
  }

  private void expect(boolean held, String at, String otherwise) {
    if (!held) {
      mistakes.add(at + ": " + otherwise);
    }
  }

  private static boolean contains(JsonNode allowed, JsonNode value) {
    for (JsonNode each : allowed) {
      if (each.equals(value)) {
        return true;
      }
    }
    return false;
  }

  private static boolean isOne(JsonNode types, JsonNode value) {
    if (types.isArray()) {
      for (JsonNode each : types) {
        if (isOne(each, value)) {
          return true;
        }
      }
      return false;
    }
    return switch (types.asText()) {
      case "object" -> value.isObject();
      case "array" -> value.isArray();
      case "string" -> value.isTextual();
      case "boolean" -> value.isBoolean();
      case "integer" -> value.isIntegralNumber();
      case "number" -> value.isNumber();
      case "null" -> value.isNull();
      default -> throw new IllegalArgumentException("unknown type in the schema: " + types);
    };
  }
}
