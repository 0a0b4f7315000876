package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.ffrtmp.governance.examples.Cli.Outcome;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DoctorIT {
  @TempDir Path scratch;

  @Test
  void doctor_json_saysTheSameAsTheText() throws Exception {
    Outcome text = Cli.ffrtmp(scratch, "doctor");
    Outcome json = Cli.ffrtmp(scratch, "doctor", "--json");

    JsonNode report = new ObjectMapper().readTree(json.out());
    assertThat(report.get("supported").asBoolean()).isTrue();
    assertThat(report.get("capabilities")).isNotEmpty();
    for (JsonNode finding : report.get("capabilities")) {
      assertThat(text.out()).contains(finding.get("name").asText(), finding.get("detail").asText());
      if (finding.has("cure")) {
        assertThat(text.out()).contains("cure: " + finding.get("cure").asText());
      }
    }
    assertThat(text.out())
        .containsPattern("limits that can be put in force here: (none|cpu|memory|io)");
    assertThat(text.status()).isZero();
    assertThat(json.status()).isZero();
    assertThat(text.err() + json.err()).as("no warning").isEmpty();
  }

  @Test
  void doctor_withoutNativeAccess_saysWhatIsMissing() throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Djna.tmpdir=/proc", // where nothing can be unpacked
            "-Djna.nosys=true",
            "-jar",
            Path.of("target", "ffrtmp.jar").toString(),
            "doctor");
    Outcome outcome = Cli.await(scratch, builder);

    assertThat(outcome.status()).isEqualTo(1);
    assertThat(outcome.out()).startsWith("workloads can be governed here: no\n").contains("cure: ");
  }
}
