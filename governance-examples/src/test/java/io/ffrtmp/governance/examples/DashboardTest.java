package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.ffrtmp.governance.examples.Dashboard.Panel;
import io.ffrtmp.governance.examples.Dashboard.Query;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * The structure of the dashboard, as far as it can be told without Grafana: against a schema of our
 * own, written after Grafana's published one. That Grafana draws it is not shown here.
 */
class DashboardTest {
  private static final int COLUMNS = 24;

  private static JsonNode schema() throws IOException {
    try (InputStream text = DashboardTest.class.getResourceAsStream("dashboard-36.schema.json")) {
      return new ObjectMapper().readTree(Objects.requireNonNull(text));
    }
  }

  @Test
  void dashboard_fitsTheSchemaOfItsVersion() throws Exception {
    assertThat(SchemaCheck.mistakes(schema(), Dashboard.json())).isEmpty();
  }

  @Test
  void schema_findsWhatIsWrong() throws Exception {
    assertMistake("$: has no \"panels\"", json -> json.remove("panels"));
    assertMistake("$: has an unknown rows", json -> json.putArray("rows"));
    assertMistake("$.schemaVersion: 17 is not one of [36]", json -> json.put("schemaVersion", 17));
    assertMistake("$.editable: is not of type \"boolean\"", json -> json.put("editable", "yes"));
    assertMistake("$.refresh: \"often\" is not like", json -> json.put("refresh", "often"));
    assertMistake(
        "$.panels[0].gridPos.w: 25 is above 24", json -> at(json, "gridPos").put("w", 25));
    assertMistake("$.panels[0].gridPos.h: 0 is below 1", json -> at(json, "gridPos").put("h", 0));
    assertMistake("$.panels[0]: has no \"options\"", json -> panel(json).remove("options"));
    assertMistake(
        "$.panels[0].options.colorMode: \"loud\" is not one of",
        json -> at(json, "options").put("colorMode", "loud"));
    assertMistake(
        "$.panels[0].targets[0]: has no \"expr\"",
        json -> ((ObjectNode) panel(json).at("/targets/0")).remove("expr"));
  }

  private static ObjectNode panel(ObjectNode json) {
    return (ObjectNode) json.at("/panels/0");
  }

  private static ObjectNode at(ObjectNode json, String key) {
    return (ObjectNode) panel(json).get(key);
  }

  private static void assertMistake(String mistake, Consumer<ObjectNode> change)
      throws IOException {
    ObjectNode json = (ObjectNode) Dashboard.json();
    change.accept(json);
    assertThat(SchemaCheck.mistakes(schema(), json)).anyMatch(each -> each.startsWith(mistake));
  }

  @Test
  void panels_haveIdsAndQueriesOfTheirOwn() throws Exception {
    assertThat(Dashboard.panels())
        .extracting(panel -> panel.json().get("id").asInt())
        .doesNotHaveDuplicates();
    for (Panel panel : Dashboard.panels()) {
      assertThat(panel.queries()).as(panel.title()).isNotEmpty();
      assertThat(panel.json().get("targets"))
          .as(panel.title())
          .extracting(each -> each.get("refId").asText())
          .doesNotHaveDuplicates();
      assertThat(panel.json().get("targets"))
          .as(panel.title())
          .allMatch(each -> each.get("instant").asBoolean() != each.get("range").asBoolean());
    }
  }

  @Test
  void panels_lieInTheGridAndDoNotOverlap() throws Exception {
    Set<String> taken = new HashSet<>();
    for (Panel panel : Dashboard.panels()) {
      assertThat(panel.grid("x") + panel.grid("w")).as(panel.title()).isLessThanOrEqualTo(COLUMNS);
      for (int x = 0; x < panel.grid("w"); x++) {
        for (int y = 0; y < panel.grid("h"); y++) {
          assertThat(taken.add((panel.grid("x") + x) + "," + (panel.grid("y") + y)))
              .as("%s overlaps another panel", panel)
              .isTrue();
        }
      }
    }
  }

  @Test
  void thresholds_beginWithoutAValueAndRise() throws Exception {
    for (JsonNode steps : Dashboard.json().findValues("steps")) {
      List<Double> values = new ArrayList<>();
      steps.forEach(each -> values.add(each.get("value").asDouble(Double.NEGATIVE_INFINITY)));
      assertThat(values).isSorted().doesNotHaveDuplicates();
      assertThat(steps.get(0).get("value").isNull()).isTrue();
    }
  }

  @Test
  void queries_useDeclaredVariablesOnly_andChooseByJobAndInstance() throws Exception {
    Set<String> known = new HashSet<>(Set.of("__rate_interval", "__range"));
    Dashboard.json().at("/templating/list").forEach(each -> known.add(each.get("name").asText()));
    for (Panel panel : Dashboard.panels()) {
      for (Query query : panel.queries()) {
        Matcher used = Pattern.compile("\\$\\{?(\\w+)").matcher(query.expression());
        while (used.find()) {
          assertThat(known).as(panel.title()).contains(used.group(1));
        }
        assertThat(query.expression().split("ffrtmp_|\\bup\\{", -1).length)
            .as("each selector of '%s' chooses by job and instance", panel)
            .isEqualTo(
                query.expression().split("job=~\"\\$job\", instance=~\"\\$instance\"", -1).length);
      }
    }
  }
}
