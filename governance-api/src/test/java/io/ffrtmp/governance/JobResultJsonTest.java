package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.domains.Domain;
import net.jqwik.api.domains.DomainContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Domain(Vocabulary.class)
@Domain(DomainContext.Global.class)
class JobResultJsonTest {
  private static final com.fasterxml.jackson.databind.ObjectMapper JACKSON_2 =
      new com.fasterxml.jackson.databind.ObjectMapper();
  private static final tools.jackson.databind.ObjectMapper JACKSON_3 =
      new tools.jackson.databind.json.JsonMapper();

  /** The keys in their order, as the design gives them. */
  private static final String KEYS =
      "job_id pid mode intent start_time end_time processing_seconds ending exit_code exit_signal"
          + " exit_core_dumped exit_unknown_cause start_failure survivors oom_killed_by"
          + " moved_by_others platform_sla_compliant platform_sla_reason limits moved"
          + " charged_elsewhere_bytes not_moved barred_cgroup usage";

  private static final String FAILURE_KEYS = "fault step errno message";
  private static final String LIMIT_KEYS =
      "limit status asked written read_back effective effective_at file errno cure";
  private static final String COUNTERS =
      "cpu_user_usec cpu_system_usec cpu_periods cpu_throttled_periods cpu_throttled_usec"
          + " memory_current_bytes memory_peak_bytes oom_kills io_read_bytes io_write_bytes"
          + " cpu_pressure_some_usec memory_pressure_some_usec memory_pressure_full_usec"
          + " io_pressure_some_usec io_pressure_full_usec";

  @Property
  void result_writtenAndReadByJackson2_isEqualWithTheSameBytes(@ForAll JobResult result)
      throws Exception {
    String json = JACKSON_2.writeValueAsString(result);
    JobResult read = JACKSON_2.readValue(json, JobResult.class);
    assertThat(read).isEqualTo(result);
    assertThat(JACKSON_2.writeValueAsString(read)).isEqualTo(json);
  }

  @Property
  void result_writtenAndReadByJackson3_isEqualWithTheBytesOfJackson2(@ForAll JobResult result)
      throws Exception {
    String json = JACKSON_3.writeValueAsString(result);
    assertThat(JACKSON_3.readValue(json, JobResult.class)).isEqualTo(result);
    assertThat(json).isEqualTo(JACKSON_2.writeValueAsString(result));
  }

  @Property
  void keys_ofAnyResult_areKnownAndInTheFixedOrder(@ForAll JobResult result) {
    Map<String, Object> json = result.toJson();
    assertInOrder(KEYS, json);
    assertInOrder(COUNTERS, json.get("usage"));
    ((List<?>) json.get("limits")).forEach(limit -> assertInOrder(LIMIT_KEYS, limit));
    if (json.containsKey("not_moved")) {
      ((List<?>) json.get("not_moved")).forEach(left -> assertInOrder("pid reason", left));
    }
    if (json.containsKey("start_failure")) {
      assertInOrder(FAILURE_KEYS, json.get("start_failure"));
    }
  }

  private static void assertInOrder(String all, Object json) {
    List<?> keys = List.copyOf(((Map<?, ?>) json).keySet());
    assertThat(keys).isEqualTo(Stream.of(all.split(" ")).filter(keys::contains).toList());
  }

  @Property
  void processingSeconds_overDays_isReadBackToTheMicrosecond(@ForAll Duration time)
      throws Exception {
    JobResult result = GoldenResult.DETACHED.result(time);
    String json = JACKSON_2.writeValueAsString(result);
    assertThat(JACKSON_2.readValue(json, JobResult.class).processingTime())
        .isEqualTo(Duration.ofNanos(time.toNanos() / 1_000 * 1_000));
    assertThat(JACKSON_3.readValue(json, JobResult.class)).isEqualTo(result);
  }

  @Test
  void processingSeconds_justBelowAMicrosecondAsADouble_isRounded() throws Exception {
    String json = file("detached.json").replace("12.345000", "12.3449999999999");
    assertThat(JACKSON_2.readValue(json, JobResult.class).processingTime())
        .isEqualTo(Duration.ofMillis(12_345));
  }

  @Test
  void processingSeconds_fortyDays_isPlainWithSixDecimals() throws Exception {
    JobResult result = GoldenResult.DETACHED.result(Duration.ofDays(40).plusNanos(1_999));
    assertThat(JACKSON_2.writeValueAsString(result))
        .contains("\"processing_seconds\":3456000.000001,");
  }

  @ParameterizedTest
  @EnumSource
  void golden_eachEnding_isWrittenAndReadAsInTheFile(GoldenResult golden) throws Exception {
    JobResult result = golden.result(Duration.ofMillis(12_345));
    String file = file(golden.name().toLowerCase(Locale.ROOT) + ".json");
    assertThat(JACKSON_2.writerWithDefaultPrettyPrinter().writeValueAsString(result) + "\n")
        .isEqualTo(file);
    assertThat(JACKSON_2.readValue(file, JobResult.class)).isEqualTo(result);
    assertThat(JACKSON_3.readValue(file, JobResult.class)).isEqualTo(result);
  }

  private static String file(String name) throws IOException {
    try (InputStream file = JobResultJsonTest.class.getResourceAsStream("/results/" + name)) {
      return new String(file.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
