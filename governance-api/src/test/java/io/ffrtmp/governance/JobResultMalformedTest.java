package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.domains.Domain;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** JSON that did not come from us, or not whole. */
@Domain(Vocabulary.class)
class JobResultMalformedTest {
  private static final com.fasterxml.jackson.databind.ObjectMapper JACKSON_2 =
      new com.fasterxml.jackson.databind.ObjectMapper();
  private static final tools.jackson.databind.ObjectMapper JACKSON_3 =
      new tools.jackson.databind.json.JsonMapper();

  @Property
  void unknownKeys_anywhere_areIgnored(@ForAll JobResult result) {
    Map<String, Object> json = deepCopy(result.toJson());
    for (Map<String, Object> each : objects(json)) {
      each.put("of_a_later_version", List.of(Map.of("x", 1)));
    }
    assertThat(JobResult.fromJson(json)).isEqualTo(result);
  }

  @Property
  void anyKey_absent_isRefusedOrReadAsUnknown(@ForAll JobResult result) {
    forEachKey(
        result,
        (json, object, key) -> {
          object.remove(key);
          assertReadOrRefused(json);
        });
  }

  @Property
  void anyValue_garbage_isRefusedOrReadAndWritesTheSameAgain(
      @ForAll JobResult result, @ForAll("garbage") Object garbage) {
    forEachKey(
        result,
        (json, object, key) -> {
          object.put(key, garbage);
          assertReadOrRefused(json);
        });
  }

  private interface Change {
    void make(Map<String, Object> json, Map<String, Object> object, String key);
  }

  /** Gives a fresh copy of the JSON for each key in it, in whatever object the key is. */
  private static void forEachKey(JobResult result, Change change) {
    List<Map<String, Object>> original = objects(deepCopy(result.toJson()));
    for (int i = 0; i < original.size(); i++) {
      for (String key : original.get(i).keySet()) {
        Map<String, Object> json = deepCopy(result.toJson());
        change.make(json, objects(json).get(i), key);
      }
    }
  }

  @Provide
  Arbitrary<Object> garbage() {
    List<Object> nothing = new ArrayList<>();
    nothing.add(null);
    return Arbitraries.of(
        "",
        "x",
        "-1",
        "1e999999999",
        "1e-999999999",
        "NaN",
        "true",
        "ended",
        true,
        false,
        -1,
        0,
        1,
        0.5,
        1e300,
        Double.NaN,
        Double.POSITIVE_INFINITY,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        new BigInteger("9".repeat(40)),
        new BigDecimal("1e99999999"),
        new BigDecimal("1e-99999999"),
        'c',
        List.of(),
        List.of(1),
        nothing,
        List.of(Map.of()),
        Map.of(),
        Map.of("x", List.of()),
        Map.of("limit", 1),
        new Object[0]);
  }

  private static void assertReadOrRefused(Map<String, Object> json) {
    JobResult read;
    try {
      read = JobResult.fromJson(json);
    } catch (IllegalArgumentException refused) {
      return;
    }
    assertThat(JobResult.fromJson(read.toJson())).isEqualTo(read);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "job_id",
        "mode",
        "start_time",
        "end_time",
        "processing_seconds",
        "ending",
        "exit_code",
        "limits",
        "usage"
      })
  void key_neededButAbsent_isRefused(String key) {
    Map<String, Object> json = completed();
    json.remove(key);
    assertThatIllegalArgumentException().isThrownBy(() -> JobResult.fromJson(json));
  }

  /** In JSON, so that each wrong type is one that a JSON library would hand over. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "job_id             | 5",
        "job_id             | \"../x\"",
        "pid                | 0",
        "pid                | 1.5",
        "pid                | 99999999999999999999999",
        "pid                | []",
        "mode               | \"RUN\"",
        "mode               | {}",
        "intent             | \"a b\"",
        "intent             | 7",
        "start_time         | 1700000000",
        "end_time           | \"yesterday\"",
        "processing_seconds | -1",
        "processing_seconds | \"\"",
        "processing_seconds | 1e18",
        "processing_seconds | 1e300",
        "processing_seconds | \"1e999999999\"",
        "processing_seconds | \"1e-999999999\"",
        "ending             | \"exploded\"",
        "ending             | \"never_started\"",
        "exit_code          | 256",
        "exit_code          | -1",
        "exit_code          | 4294967296",
        "exit_code          | \"zero\"",
        "survivors          | -1",
        "survivors          | {}",
        "oom_killed_by      | \"gremlins\"",
        "moved_by_others    | \"true\"",
        "moved_by_others    | 1",
        "limits             | {}",
        "limits             | [null]",
        "limits             | [[]]",
        "limits             | [{}]",
        "limits             | [{\"limit\":\"cpu.max\",\"status\":\"applied\"}]",
        "limits             | [{\"limit\":\"cpu.max\",\"status\":\"applied\",\"asked\":1}]",
        "limits             | [{\"limit\":\"pids.max\",\"status\":\"applied\",\"asked\":\"1\"}]",
        "moved              | -1",
        "moved              | \"three\"",
        "moved              | 2147483648",
        "charged_elsewhere_bytes | -1",
        "charged_elsewhere_bytes | 1e19",
        "charged_elsewhere_bytes | {}",
        "not_moved          | {}",
        "not_moved          | [null]",
        "not_moved          | [{\"reason\":\"EPERM\"}]",
        "not_moved          | [{\"pid\":7}]",
        "not_moved          | [{\"pid\":0,\"reason\":\"EPERM\"}]",
        "not_moved          | [{\"pid\":\"7\",\"reason\":\"EPERM\"}]",
        "not_moved          | [{\"pid\":7,\"reason\":1}]",
        "barred_cgroup      | 7",
        "usage              | []",
        "usage              | {\"oom_kills\":-1}",
        "usage              | {\"oom_kills\":\"many\"}",
        "usage              | {\"oom_kills\":1e30}"
      })
  void value_malformed_isRefusedByBothJacksons(String key, String value) throws Exception {
    Map<String, Object> json =
        key.matches(".*(moved|charged|barred).*")
            ? deepCopy(GoldenResult.OBSERVED.result(Duration.ZERO).toJson())
            : completed();
    json.put(key, "@");
    String text = JACKSON_2.writeValueAsString(json).replace("\"@\"", value);
    assertThatThrownBy(() -> JACKSON_2.readValue(text, JobResult.class))
        .hasCauseInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> JACKSON_3.readValue(text, JobResult.class))
        .hasCauseInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"charged_elsewhere_bytes", "not_moved"})
  void moved_withoutItsOtherKeys_isRefused(String key) {
    Map<String, Object> json = deepCopy(GoldenResult.OBSERVED.result(Duration.ZERO).toJson());
    json.remove(key);
    assertThatIllegalArgumentException().isThrownBy(() -> JobResult.fromJson(json));
  }

  @Example
  void coreDumped_noBoolean_isRefused() {
    Map<String, Object> json = deepCopy(GoldenResult.SIGNALLED.result(Duration.ZERO).toJson());
    json.put("exit_core_dumped", "true");
    assertThatIllegalArgumentException().isThrownBy(() -> JobResult.fromJson(json));
  }

  @Example
  void verdict_claimedInTheText_isComputedAnyway() {
    Map<String, Object> json = completed();
    json.put("platform_sla_compliant", false);
    json.put("platform_sla_reason", "limits_lost");
    assertThat(JobResult.fromJson(json).verdict()).isEqualTo(Verdict.COMPLETED_WITHIN_LIMITS);
  }

  private static Map<String, Object> completed() {
    return deepCopy(GoldenResult.COMPLETED.result(Duration.ofSeconds(12)).toJson());
  }

  /** The map itself and every map in it. */
  private static List<Map<String, Object>> objects(Object json) {
    List<Map<String, Object>> found = new ArrayList<>();
    if (json instanceof Map<?, ?> map) {
      @SuppressWarnings("unchecked") // made by deepCopy
      Map<String, Object> object = (Map<String, Object>) map;
      found.add(object);
      map.values().forEach(value -> found.addAll(objects(value)));
    } else if (json instanceof List<?> list) {
      list.forEach(value -> found.addAll(objects(value)));
    }
    return found;
  }

  private static Map<String, Object> deepCopy(Map<?, ?> json) {
    Map<String, Object> copy = new LinkedHashMap<>();
    json.forEach((key, value) -> copy.put((String) key, deepCopyOfValue(value)));
    return copy;
  }

  private static Object deepCopyOfValue(Object value) {
    if (value instanceof Map<?, ?> map) {
      return deepCopy(map);
    }
    return value instanceof List<?> list
        ? list.stream().map(JobResultMalformedTest::deepCopyOfValue).collect(Collectors.toList())
        : value;
  }
}
