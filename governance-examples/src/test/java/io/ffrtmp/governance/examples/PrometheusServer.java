package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A Prometheus of our own, on a port of the loopback that was free, in a directory of its own: a
 * service of the distribution's is neither needed nor touched. Closing ends it.
 */
final class PrometheusServer implements AutoCloseable {
  static final Duration PATIENCE = Duration.ofSeconds(120);

  private static final Pattern LISTENING =
      Pattern.compile("msg=\"Listening on\" address=127\\.0\\.0\\.1:(\\d+)");

  private final HttpClient http = HttpClient.newHttpClient();
  private final Process process;
  private final Path log;
  private final int port;

  /** One series of an answer: its labels, and its values by time in seconds of the epoch. */
  record Series(Map<String, String> labels, TreeMap<Double, Double> points) {
    double last() {
      return points.lastEntry().getValue();
    }

    /** Whether any value is a number, as 0/0 is not. */
    boolean tells() {
      return points.values().stream().anyMatch(Double::isFinite);
    }
  }

  /**
   * Starts it with the rules, to scrape this port every two seconds.
   *
   * @param directory an empty one, for its files
   */
  PrometheusServer(Path directory, Path rules, int target) throws IOException {
    Path config = directory.resolve("prometheus.yml");
    Files.writeString(
        config,
        """
        global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}
        rule_files: ["%s"]
        scrape_configs:
          - job_name: ffrtmp
            static_configs: [{targets: ["127.0.0.1:%d"]}]
        """
            .formatted(rules.toAbsolutePath(), target));
    log = directory.resolve("log");
    process =
        new ProcessBuilder(
                "prometheus",
                "--config.file=" + config,
                "--storage.tsdb.path=" + directory.resolve("data"),
                "--web.listen-address=127.0.0.1:0")
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    boolean listens = false;
    try {
      port = await("it listens").atMost(PATIENCE).until(this::told, Optional::isPresent).get();
      listens = true;
    } finally {
      if (!listens) {
        process.destroyForcibly();
      }
    }
  }

  private Optional<Integer> told() throws IOException {
    String text = Files.readString(log);
    assertThat(process.isAlive()).as(text).isTrue();
    Matcher matcher = LISTENING.matcher(text);
    return matcher.find() ? Optional.of(Integer.valueOf(matcher.group(1))) : Optional.empty();
  }

  /** What an expression is now. */
  List<Series> query(String expression) throws IOException, InterruptedException {
    return series(get("query", Map.of("query", expression)), "value");
  }

  /** The only value of an expression now; a scrape that failed leaves none until the next. */
  double number(String expression) throws IOException, InterruptedException {
    List<Series> answer = query(expression);
    assertThat(answer).as(expression).hasSize(1);
    return answer.get(0).last();
  }

  /** What an expression was from then till then. */
  List<Series> range(String expression, Instant from, Instant to, Duration step)
      throws IOException, InterruptedException {
    Map<String, String> asked =
        Map.of(
            "query",
            expression,
            "start",
            from.toString(),
            "end",
            to.toString(),
            "step",
            step.toMillis() / 1000.0 + "");
    return series(get("query_range", asked), "values");
  }

  /** The data of an answer of the HTTP API, which must be a success without warnings. */
  JsonNode get(String path, Map<String, String> parameters)
      throws IOException, InterruptedException {
    StringBuilder form = new StringBuilder();
    parameters.forEach(
        (key, value) ->
            form.append(form.isEmpty() ? "" : "&")
                .append(URLEncoder.encode(key, StandardCharsets.UTF_8))
                .append('=')
                .append(URLEncoder.encode(value, StandardCharsets.UTF_8)));
    URI uri = URI.create("http://127.0.0.1:" + port + "/api/v1/" + path + "?" + form);
    String body = http.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString()).body();
    JsonNode answer = new ObjectMapper().readTree(body);
    assertThat(answer.path("status").asText()).as("%s: %s", parameters, body).isEqualTo("success");
    assertThat(answer.has("warnings")).as("%s: %s", parameters, body).isFalse();
    return answer.get("data");
  }

  private static List<Series> series(JsonNode data, String key) {
    List<Series> all = new ArrayList<>();
    for (JsonNode each : data.get("result")) {
      Map<String, String> labels = new TreeMap<>();
      each.get("metric")
          .properties()
          .forEach(it -> labels.put(it.getKey(), it.getValue().asText()));
      TreeMap<Double, Double> points = new TreeMap<>();
      JsonNode values = each.get(key);
      for (JsonNode point : values.get(0).isArray() ? values : List.of(values)) {
        points.put(point.get(0).asDouble(), number(point.get(1)));
      }
      all.add(new Series(labels, points));
    }
    return all;
  }

  private static double number(JsonNode text) {
    return switch (text.asText()) {
      case "+Inf" -> Double.POSITIVE_INFINITY;
      case "-Inf" -> Double.NEGATIVE_INFINITY;
      default -> Double.parseDouble(text.asText());
    };
  }

  @Override
  public void close() {
    process.destroy();
    await("it ends").atMost(PATIENCE).until(() -> !process.isAlive());
  }
}
