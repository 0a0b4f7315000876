package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.examples.Cli.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The alerts in {@code monitoring}, by promtool alone: no job runs here. */
class AlertsIT {
  static final Path RULES = Path.of("monitoring", "alerts.yml");

  private static final Path RULES_TEST = Path.of("monitoring", "alerts_test.yml");

  @TempDir Path scratch;

  @BeforeAll
  static void promtool() {
    assumeTrue(Cli.has("promtool"), "needs promtool, which comes with Prometheus");
  }

  static Outcome promtool(Path scratch, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("promtool"));
    command.addAll(List.of(arguments));
    return Cli.await(scratch, new ProcessBuilder(command));
  }

  private void assertAccepted(String... arguments) throws Exception {
    Outcome outcome = promtool(scratch, arguments);
    assertThat(outcome.status()).as(outcome.out() + outcome.err()).isZero();
  }

  @Test
  void rules_areValid() throws Exception {
    assertAccepted("check", "rules", RULES.toString());
  }

  @Test
  void sampleConfiguration_isValid() throws Exception {
    assertAccepted("check", "config", Path.of("monitoring", "prometheus.yml").toString());
  }

  @Test
  void alerts_fireWhenTheyShould_andAreSilentWhenTheyShouldNot() throws Exception {
    assertAccepted("test", "rules", RULES_TEST.toString());
  }

  private static List<String> names() throws IOException {
    Matcher alert = Pattern.compile("- alert: (\\w+)").matcher(Files.readString(RULES));
    return alert.results().map(each -> each.group(1)).toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"vector(1) == 2", "vector(1)"})
  void alertsThatNeverFire_orAlways_eachFailTheTest(String expression) throws Exception {
    Matcher expressions =
        Pattern.compile("(?<= expr: ).*?(?=\n +(?:for|labels):)", Pattern.DOTALL)
            .matcher(Files.readString(RULES));
    Files.writeString(scratch.resolve("alerts.yml"), expressions.replaceAll(expression));
    Path test = scratch.resolve("alerts_test.yml");
    Files.writeString(test, Files.readString(RULES_TEST));
    Outcome outcome = promtool(scratch, "test", "rules", test.toString());
    assertThat(outcome.status()).isEqualTo(1);
    assertThat(names()).hasSizeGreaterThan(3);
    assertThat(outcome.out() + outcome.err())
        .contains(names().stream().map("alertname: %s,"::formatted).toList());
  }
}
