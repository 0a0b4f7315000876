package io.ffrtmp.governance.examples;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The dashboard in {@code monitoring}, as Grafana would use it. */
final class Dashboard {
  static final Path FILE = Path.of("monitoring", "dashboard.json");

  private static final Pattern LABEL = Pattern.compile("\\{\\{(\\w+)}}");

  private Dashboard() {}

  /** One query of a panel. */
  record Query(String expression, String legend, boolean instant) {
    /** The expression with the dashboard's variables filled in, all jobs and instances chosen. */
    String filledIn(String rateInterval, String range) {
      return expression
          .replace("$__rate_interval", rateInterval)
          .replace("$__range", range)
          .replace("$job", ".*")
          .replace("$instance", ".*");
    }

    /** The name of a series with these labels. */
    String name(Map<String, String> labels) {
      Matcher matcher = LABEL.matcher(legend);
      return matcher.replaceAll(
          found -> Matcher.quoteReplacement(labels.getOrDefault(found.group(1), "")));
    }
  }

  /** One panel. */
  record Panel(JsonNode json) {
    String title() {
      return json.get("title").asText();
    }

    List<Query> queries() {
      List<Query> all = new ArrayList<>();
      for (JsonNode each : json.get("targets")) {
        all.add(
            new Query(
                each.get("expr").asText(),
                each.get("legendFormat").asText(),
                each.get("instant").asBoolean()));
      }
      return all;
    }

    int grid(String key) {
      return json.get("gridPos").get(key).asInt();
    }

    String unit() {
      return json.at("/fieldConfig/defaults/unit").asText();
    }

    int decimals() {
      return json.at("/fieldConfig/defaults/decimals").asInt();
    }

    boolean bars() {
      return json.at("/fieldConfig/defaults/custom/drawStyle").asText().equals("bars");
    }

    boolean stacked() {
      return json.at("/fieldConfig/defaults/custom/stacking/mode").asText().equals("normal");
    }

    /** The colours that are fixed, by the name of the series. */
    Map<String, String> colours() {
      Map<String, String> all = new LinkedHashMap<>();
      for (JsonNode each : json.at("/fieldConfig/overrides")) {
        all.put(
            each.at("/matcher/options").asText(),
            each.at("/properties/0/value/fixedColor").asText());
      }
      return all;
    }

    @Override
    public String toString() {
      return title();
    }
  }

  static JsonNode json() throws IOException {
    return new ObjectMapper().readTree(FILE.toFile());
  }

  static List<Panel> panels() throws IOException {
    List<Panel> all = new ArrayList<>();
    json().get("panels").forEach(each -> all.add(new Panel(each)));
    return all;
  }
}
