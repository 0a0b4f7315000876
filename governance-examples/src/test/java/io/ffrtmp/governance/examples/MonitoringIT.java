package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.ffrtmp.governance.examples.Cli.Outcome;
import io.ffrtmp.governance.examples.Dashboard.Panel;
import io.ffrtmp.governance.examples.Dashboard.Query;
import io.ffrtmp.governance.examples.PrometheusServer.Series;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A real Prometheus scrapes a JVM that runs real jobs, one of each kind; then it is asked what the
 * dashboard and an operator would ask. {@code -Dmonitoring.seconds=N} lets a mixture of jobs run
 * for so long, for a picture worth looking at.
 */
@Tag("kernel")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MonitoringIT {
  private static final Duration PATIENCE = PrometheusServer.PATIENCE;
  private static final Duration STEP = Duration.ofSeconds(1);

  /** Holds several scrapes on a slow host. */
  private static final Duration WINDOW = Duration.ofSeconds(60);

  private static final int SECONDS = Integer.getInteger("monitoring.seconds", 0);

  @TempDir static Path scratch;
  private final TestGroups groups =
      new TestGroups("ffrtmp-monitoring-" + ProcessHandle.current().pid());
  private Process worker;
  private PrometheusServer prometheus;
  private int port;
  private final Instant began = Instant.now();
  private Instant ended;

  @BeforeAll
  void scrapeJobsOfEachKind() throws Exception {
    assumeTrue(Cli.has("prometheus") && Cli.has("promtool"), "needs prometheus and promtool");
    assumeTrue(Cli.ROOT, "needs root to make cgroups, without which there is little to tell");
    groups.make("roomy");
    groups.make("cramped");
    groups.limitMemory("cramped", 32 << 20);
    worker = worker();
    port = Integer.parseInt(told("port "));
    prometheus =
        new PrometheusServer(Files.createDirectory(scratch.resolve("p")), AlertsIT.RULES, port);
    scraped();
    tell("all");
    if (SECONDS > 0) {
      tell("for " + SECONDS);
    }
    ended = scraped();
  }

  private Process worker() throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx64m",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            MonitoredWorker.class.getName(),
            scratch.toString(),
            groups.toString())
        .redirectOutput(scratch.resolve("told").toFile())
        .redirectError(scratch.resolve("err").toFile())
        .start();
  }

  private void tell(String line) throws IOException {
    worker.getOutputStream().write((line + "\n").getBytes());
    worker.getOutputStream().flush();
    told("done " + line);
  }

  /** The rest of the line with which the worker tells this. */
  private String told(String begin) {
    return await(begin)
        .atMost(PATIENCE.plusSeconds(SECONDS))
        .until(
            () -> {
              assertThat(worker.isAlive()).as(Files.readString(scratch.resolve("err"))).isTrue();
              return Files.readString(scratch.resolve("told"))
                  .lines()
                  .filter(line -> line.startsWith(begin))
                  .findFirst()
                  .orElse("");
            },
            line -> !line.isEmpty())
        .substring(begin.length());
  }

  /** Waits for a good scrape that began after this call; when it was. */
  private Instant scraped() {
    double now = seconds(Instant.now());
    String time = "timestamp(up{job='ffrtmp'}) > " + now + " and up{job='ffrtmp'} == 1";
    Series scrape =
        await("a scrape")
            .atMost(PATIENCE)
            .until(() -> prometheus.query(time), each -> !each.isEmpty())
            .get(0);
    return Instant.ofEpochMilli(Math.round(scrape.last() * 1000));
  }

  @AfterAll
  void end() throws Exception {
    if (prometheus != null) {
      prometheus.close();
    }
    if (worker != null) {
      worker.getOutputStream().close();
      if (!worker.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
        worker.destroyForcibly();
      }
    }
    await("the groups are gone").atMost(PATIENCE).until(groups::removed);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          jobs_started_total{mode='run'}                                        | 15 | 0
          jobs_started_total{mode='attach'}                                     |  2 | 1
          jobs_attached_total                                                   |  2 | 1
          jobs_failed_total{reason='platform_start_failed'} > 0                 |  1 | 0
          jobs_failed_total{reason='workload_not_startable'} > 0                |  1 | 0
          active_jobs{mode='run'}                                               |  2 | 0
          active_jobs{mode='attach'}                                            |  1 | 0
          jobs_completed_total{mode='run', sla='compliant'}                     |  8 | 0
          jobs_completed_total{mode='run', sla='violation'}                     |  3 | 0
          jobs_completed_total{mode='attach', sla='compliant'}                  |  1 | 0
          jobs_completed_total{mode='attach', sla='violation'}                  |  0 | 1
          job_duration_seconds_count{mode='run'}                                | 11 | 0
          job_duration_seconds_count{mode='attach'}                             |  1 | 1
          jobs_exit_total{exit='zero'}                                          |  6 | 0
          jobs_exit_total{exit='non_zero'}                                      |  4 | 0
          jobs_exit_total{exit='signalled'}                                     |  1 | 0
          jobs_exit_total{exit='unknown'}                                       |  0 | 1
          violations_total{reason='platform_start_failed'}                      |  1 | 0
          violations_total{reason='limits_not_enforced'}                        |  1 | 0
          violations_total{reason='limits_lost'}                                |  1 | 0
          violations_total{reason='platform_out_of_memory'}                     |  1 | 0
          violations_total{reason='observation_lost'}                           |  0 | 1
          limits_total{limit='cpu.max', status='applied'}                       |  1 | 0
          limits_total{limit='memory.max', status='applied'}                    |  1 | 0
          limits_total{limit='memory.max', status='lost'}                       |  1 | 0
          limits_total{limit='io.max', status='unsupported'}                    |  2 | 0
          memory_peak_bytes_count                                               | 11 | 1
          """)
  void query_tellsWhatTheJobsDid(String query, double expected, double ofTheUnreaped) {
    assumeTrue(SECONDS == 0, "other jobs ran too");
    double unreaped = MonitoredWorker.STRANGERS_ARE_TOLD ? ofTheUnreaped : 0;
    assertNumber("ffrtmp_wrapper_" + query, expected + unreaped);
  }

  @Test
  void compliance_isTheShareOfResults() {
    assumeTrue(SECONDS == 0, "other jobs ran too");
    assertNumber("ffrtmp_platform_sla_total{compliant='true'}", 10);
    int violations = MonitoredWorker.STRANGERS_ARE_TOLD ? 5 : 4;
    assertNumber("ffrtmp_platform_sla_total{compliant='false'}", violations);
  }

  /** A scrape that failed leaves no value until the next. */
  private void assertNumber(String query, double expected) {
    await(query)
        .atMost(PATIENCE)
        .untilAsserted(() -> assertThat(prometheus.number(query)).isEqualTo(expected));
  }

  @Test
  void started_isCompletedAndFailedAndActive() {
    String started = "sum(ffrtmp_wrapper_jobs_started_total)";
    String rest =
        "sum(ffrtmp_wrapper_jobs_completed_total) + sum(ffrtmp_wrapper_jobs_failed_total)"
            + " + sum(ffrtmp_wrapper_active_jobs)";
    assertNumber(started + " - (" + rest + ")", 0);
  }

  @Test
  void kernelsCounters_areTold() {
    assertNumber("ffrtmp_wrapper_oom_kills_total >= bool 2", 1);
    assertNumber("ffrtmp_wrapper_cpu_throttled_seconds_total > bool 0", 1);
    assertNumber("ffrtmp_wrapper_cpu_seconds_total > bool 0", 1);
    assertNumber("ffrtmp_wrapper_memory_peak_bytes_sum > bool 32 * 1024 * 1024", 1);
  }

  @Test
  void scrape_isAsPrometheusWantsMetricsToBe() throws Exception {
    String scrape = scrape();
    Path file = Files.writeString(scratch.resolve("scrape"), scrape);
    ProcessBuilder check = new ProcessBuilder("promtool", "check", "metrics");
    Outcome outcome = Cli.await(scratch, check.redirectInput(file.toFile()));
    assertThat(outcome.status()).as(outcome.out() + outcome.err()).isZero();
    assertThat(outcome.out() + outcome.err()).isBlank();
  }

  private String scrape() throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/metrics")).build();
    return HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body();
  }

  static List<String> questions() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("..", "docs", "visibility.md"))) {
      return lines
          .filter(line -> line.startsWith("    ") && line.contains("(ffrtmp_"))
          .map(String::strip)
          .toList();
    }
  }

  /** Of {@code docs/visibility.md}. */
  @ParameterizedTest
  @MethodSource("questions")
  void documentedQuestion_hasAnAnswer(String question) throws Exception {
    assertThat(prometheus.range(question, ended, ended, STEP)).isNotEmpty().anyMatch(Series::tells);
  }

  static List<Panel> panels() throws IOException {
    return Dashboard.panels();
  }

  /** Every series is there from the first scrape, so an empty answer is one that stays empty. */
  @ParameterizedTest
  @MethodSource("panels")
  void panel_hasSomethingToShow(Panel panel) throws Exception {
    Set<String> names = new HashSet<>();
    for (Query query : panel.queries()) {
      List<Series> answer = answer(query, WINDOW, STEP);
      assertThat(answer).as(query.expression()).isNotEmpty().anyMatch(Series::tells);
      answer.forEach(each -> names.add(query.name(each.labels())));
    }
    assertThat(names).doesNotContain("").hasSizeGreaterThanOrEqualTo(panel.queries().size());
    assertThat(names).as("series with a colour").containsAll(panel.colours().keySet());
  }

  private List<Series> answer(Query query, Duration window, Duration step) throws Exception {
    String range = Duration.between(began, ended).toSeconds() + 1 + "s";
    String expression = query.filledIn(window.toSeconds() + "s", range);
    return prometheus.range(expression, query.instant() ? ended : began, ended, step);
  }

  /** What {@code docs/dashboard.svg} was made with. */
  @Test
  void picture_showsEveryPanel() throws Exception {
    Duration step =
        Duration.ofSeconds(Math.max(8, Duration.between(began, ended).toSeconds() / 60));
    DashboardPicture picture =
        new DashboardPicture(seconds(began), seconds(ended), step.toSeconds());
    for (Panel panel : Dashboard.panels()) {
      Map<String, Series> shown = new LinkedHashMap<>();
      for (Query query : panel.queries()) {
        for (Series each : answer(query, step, step)) {
          shown.put(query.name(each.labels()), each);
        }
      }
      picture.add(panel, shown);
    }
    Path file = Path.of("target", "dashboard.svg");
    Files.writeString(file, picture.svg());
    DocumentBuilder parser = DocumentBuilderFactory.newInstance().newDocumentBuilder();
    String text = parser.parse(file.toFile()).getDocumentElement().getTextContent();
    assertThat(text).contains(Dashboard.panels().stream().map(Panel::title).toList());
    assertThat(text).doesNotContain("NaN");
  }

  private static double seconds(Instant time) {
    return time.toEpochMilli() / 1000.0;
  }

  @Test
  void panelsMeters_areInTheScrape_andTheScrapesMetersInAPanel() throws Exception {
    Set<String> scraped = new HashSet<>();
    Matcher help = Pattern.compile("# TYPE (\\w+) ").matcher(scrape());
    help.results().forEach(each -> scraped.add(each.group(1)));
    Set<String> shown = new HashSet<>();
    for (Panel panel : Dashboard.panels()) {
      for (Query query : panel.queries()) {
        Matcher name = Pattern.compile("\\bffrtmp_\\w+").matcher(query.expression());
        name.results().forEach(each -> shown.add(each.group().replaceFirst("_bucket$", "")));
      }
    }
    assertThat(scraped).containsAll(shown);
    scraped.removeIf(each -> each.endsWith("_max") || !each.startsWith("ffrtmp_"));
    assertThat(shown).containsAll(scraped);
  }

  @Test
  void variables_findTheJobAndItsInstance() throws Exception {
    Map<String, String> found = new TreeMap<>();
    for (JsonNode each : Dashboard.json().at("/templating/list")) {
      if (each.get("type").asText().equals("query")) {
        Matcher asked =
            Pattern.compile("label_values\\((.*), (\\w+)\\)")
                .matcher(each.at("/query/query").asText().replace("$job", ".*"));
        assertThat(asked.matches()).isTrue();
        Map<String, String> parameters = Map.of("match[]", asked.group(1));
        JsonNode values = prometheus.get("label/" + asked.group(2) + "/values", parameters);
        assertThat(values).hasSize(1);
        found.put(each.get("name").asText(), values.get(0).asText());
      }
    }
    assertThat(found).isEqualTo(Map.of("job", "ffrtmp", "instance", "127.0.0.1:" + port));
  }

  /** The rates need an hour and ten minutes; what a single event sets off fires at once. */
  @ParameterizedTest
  @CsvSource({
    "FfrtmpViolationRate, pending",
    "FfrtmpLimitsNotEnforced, firing",
    "FfrtmpObservationLost, firing",
    "FfrtmpHostCannotStart, firing",
    "FfrtmpHostOutOfMemory, firing",
    "FfrtmpScrapeMissing, inactive",
    "FfrtmpMetersMissing, inactive"
  })
  void alert_isInItsState(String name, String state) {
    assumeTrue(
        MonitoredWorker.STRANGERS_ARE_TOLD || !name.equals("FfrtmpObservationLost"),
        "no end is unreaped where the kernel does not tell how strangers end");
    await()
        .atMost(PATIENCE)
        .untilAsserted(
            () -> {
              JsonNode rule = rule(name);
              assertThat(rule.get("health").asText()).as(rule.toString()).isEqualTo("ok");
              assertThat(rule.get("state").asText()).isEqualTo(state);
            });
  }

  private JsonNode rule(String name) throws Exception {
    for (JsonNode each : prometheus.get("rules", Map.of()).at("/groups/0/rules")) {
      if (each.get("name").asText().equals(name)) {
        return each;
      }
    }
    throw new AssertionError("no rule " + name);
  }
}
