package io.ffrtmp.governance.micrometer;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The wire names: what Prometheus sees of a binder that has heard nothing yet. */
class PrometheusNamesTest {
  private static final Pattern SAMPLE = Pattern.compile("(?m)^([a-z_]+)(?:\\{(.*)})? .*$");
  private static final Pattern LABEL = Pattern.compile("([a-z]+)=\"([^\"]*)\"");

  private static String scrape(GovernanceMetrics metrics) {
    PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    metrics.bindTo(registry);
    return registry.scrape();
  }

  /** The samples' names, and for each the labels that it has. */
  private static Map<String, Set<String>> labels(String scrape) {
    Map<String, Set<String>> labels = new TreeMap<>();
    for (MatchResult sample : SAMPLE.matcher(scrape).results().toList()) {
      Set<String> keys = labels.computeIfAbsent(sample.group(1), name -> new TreeSet<>());
      if (sample.group(2) != null) {
        LABEL.matcher(sample.group(2)).results().forEach(label -> keys.add(label.group(1)));
      }
    }
    return labels;
  }

  private static List<String> values(String scrape, String name, String label) {
    return SAMPLE
        .matcher(scrape)
        .results()
        .filter(sample -> sample.group(1).equals(name))
        .flatMap(sample -> LABEL.matcher(sample.group(2)).results())
        .filter(each -> each.group(1).equals(label))
        .map(each -> each.group(2))
        .distinct()
        .sorted()
        .toList();
  }

  @Test
  void names_andLabels_areTheseAndNoOthers() {
    Map<String, Set<String>> expected = new TreeMap<>();
    expected.put("ffrtmp_wrapper_jobs_started_total", Set.of("mode"));
    expected.put("ffrtmp_wrapper_jobs_completed_total", Set.of("mode", "sla"));
    expected.put("ffrtmp_wrapper_jobs_failed_total", Set.of("mode", "reason"));
    expected.put("ffrtmp_wrapper_jobs_attached_total", Set.of());
    expected.put("ffrtmp_wrapper_active_jobs", Set.of("mode"));
    expected.put("ffrtmp_wrapper_job_duration_seconds_bucket", Set.of("le", "mode"));
    expected.put("ffrtmp_wrapper_job_duration_seconds_count", Set.of("mode"));
    expected.put("ffrtmp_wrapper_job_duration_seconds_sum", Set.of("mode"));
    expected.put("ffrtmp_wrapper_job_duration_seconds_max", Set.of("mode"));
    expected.put("ffrtmp_platform_sla_total", Set.of("compliant"));
    expected.put("ffrtmp_wrapper_jobs_exit_total", Set.of("exit"));
    expected.put("ffrtmp_wrapper_violations_total", Set.of("reason"));
    expected.put("ffrtmp_wrapper_limits_total", Set.of("limit", "status"));
    expected.put("ffrtmp_wrapper_cpu_seconds_total", Set.of());
    expected.put("ffrtmp_wrapper_cpu_throttled_seconds_total", Set.of());
    expected.put("ffrtmp_wrapper_memory_peak_bytes_bucket", Set.of("le"));
    expected.put("ffrtmp_wrapper_memory_peak_bytes_count", Set.of());
    expected.put("ffrtmp_wrapper_memory_peak_bytes_sum", Set.of());
    expected.put("ffrtmp_wrapper_memory_peak_bytes_max", Set.of());
    expected.put("ffrtmp_wrapper_oom_kills_total", Set.of());
    assertThat(labels(scrape(new GovernanceMetrics()))).isEqualTo(expected);
  }

  @Test
  void labels_haveTheWireNamesFromTheFirst() {
    String scrape = scrape(new GovernanceMetrics());
    assertThat(values(scrape, "ffrtmp_wrapper_jobs_started_total", "mode"))
        .containsExactly("attach", "run");
    assertThat(values(scrape, "ffrtmp_wrapper_jobs_completed_total", "sla"))
        .containsExactly("compliant", "violation");
    assertThat(values(scrape, "ffrtmp_wrapper_jobs_failed_total", "reason"))
        .containsExactly("platform_start_failed", "workload_not_startable");
    assertThat(values(scrape, "ffrtmp_platform_sla_total", "compliant"))
        .containsExactly("false", "true");
    assertThat(values(scrape, "ffrtmp_wrapper_jobs_exit_total", "exit"))
        .containsExactly("non_zero", "signalled", "unknown", "zero");
    assertThat(values(scrape, "ffrtmp_wrapper_violations_total", "reason"))
        .containsExactly(
            "limits_lost",
            "limits_not_enforced",
            "observation_lost",
            "platform_out_of_memory",
            "platform_start_failed");
    assertThat(values(scrape, "ffrtmp_wrapper_limits_total", "limit"))
        .containsExactly("cpu.max", "cpu.weight", "io.max", "memory.max");
    assertThat(values(scrape, "ffrtmp_wrapper_limits_total", "status"))
        .containsExactly("adjusted", "applied", "denied", "lost", "substituted", "unsupported");
    assertThat(values(scrape, "ffrtmp_wrapper_job_duration_seconds_bucket", "le"))
        .contains("1.0", "60.0", "3600.0", "86400.0", "2592000.0", "+Inf");
    assertThat(values(scrape, "ffrtmp_wrapper_memory_peak_bytes_bucket", "le"))
        .contains("1.6777216E7", "6.8719476736E10", "+Inf");
  }

  @Test
  void prefixAndTags_givenToTheBinder_areOnEveryMeter() {
    Tags common = Tags.of("site", "a");
    String scrape = scrape(new GovernanceMetrics(new MetricNames("media.jobs"), common));
    assertThat(labels(scrape))
        .hasSize(20)
        .allSatisfy(
            (name, labels) -> {
              assertThat(name).startsWith("media_jobs_");
              assertThat(labels).contains("site");
            });
    assertThat(labels(scrape(new GovernanceMetrics(common))))
        .containsEntry("ffrtmp_wrapper_oom_kills_total", Set.of("site"));
  }

  @Test
  void everyMeter_hasADescription_andTimesAndBytesTheirBaseUnit() {
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    new GovernanceMetrics().bindTo(registry);
    assertThat(registry.getMeters())
        .filteredOn(meter -> !meter.getId().getName().endsWith(".histogram")) // buckets
        .isNotEmpty()
        .allSatisfy(meter -> assertThat(meter.getId().getDescription()).isNotBlank());
    assertThat(registry.getMeters())
        .extracting(Meter::getId)
        .filteredOn(id -> id.getBaseUnit() != null)
        .extracting(id -> id.getName() + " " + id.getBaseUnit())
        .containsOnly(
            "ffrtmp.wrapper.cpu seconds",
            "ffrtmp.wrapper.cpu.throttled seconds",
            "ffrtmp.wrapper.job.duration seconds",
            "ffrtmp.wrapper.memory.peak bytes");
  }
}
