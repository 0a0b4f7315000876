package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code --metrics-port}: what a scraper and an operator see of a job while it goes. */
class MetricsIT {
  private static final Pattern SERVING =
      Pattern.compile("ffrtmp: serving (http://127\\.0\\.0\\.1:[0-9]+/)metrics\n");
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir Path scratch;
  private final HttpClient client = HttpClient.newHttpClient();
  private final List<Process> processes = new ArrayList<>();

  /** The command line, and below it what it started, until the test is over. */
  private Process start(String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of(Cli.LAUNCHER.toString()));
    command.addAll(List.of(arguments));
    Process process =
        Cli.start(new ProcessBuilder(command).redirectError(scratch.resolve("err").toFile()));
    processes.add(process);
    return process;
  }

  @AfterEach
  void end() throws Exception {
    for (Process each : processes) {
      each.descendants().forEach(ProcessHandle::destroyForcibly);
      each.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS);
      each.destroyForcibly().waitFor();
    }
  }

  private URI serving() {
    return await("the line that says where")
        .atMost(PATIENCE)
        .until(
            () -> {
              String err = Files.readString(scratch.resolve("err"));
              return SERVING
                  .matcher(err)
                  .results()
                  .map(MatchResult::group)
                  .findFirst()
                  .map(line -> URI.create(line.replaceAll("ffrtmp: serving |metrics\n", "")));
            },
            Optional::isPresent)
        .orElseThrow();
  }

  private HttpResponse<String> get(URI uri) throws Exception {
    return client.send(
        HttpRequest.newBuilder(uri).timeout(PATIENCE).build(), BodyHandlers.ofString());
  }

  private void awaitMetric(URI root, String line) {
    await(line)
        .atMost(PATIENCE)
        .until(() -> get(root.resolve("metrics")).body().lines().anyMatch(line::equals));
  }

  @Test
  void run_whileItGoes_servesItsMetersOnLoopbackUntilItsEnd() throws Exception {
    Path go = scratch.resolve("go");
    Process cli =
        start(
            "run",
            "--metrics-port",
            "0",
            "--",
            "sh",
            "-c",
            "until [ -e \"$1\" ]; do sleep 0.05; done; exit 3",
            "sh",
            go.toString());
    URI root = serving();
    awaitMetric(root, "ffrtmp_wrapper_active_jobs{mode=\"run\"} 1.0");
    HttpResponse<String> metrics = get(root.resolve("metrics"));
    assertThat(metrics.statusCode()).isEqualTo(200);
    assertThat(metrics.headers().firstValue("Content-Type").orElseThrow())
        .startsWith("text/plain; version=0.0.4");
    assertThat(metrics.body())
        .contains("ffrtmp_wrapper_jobs_started_total{mode=\"run\"} 1.0\n")
        .contains("ffrtmp_wrapper_jobs_completed_total{mode=\"run\",sla=\"compliant\"} 0.0\n");
    assertThat(get(root.resolve("healthz")).body()).isEqualTo("ok\n");
    assertThat(get(root.resolve("violations")).body()).isEqualTo("[]\n");
    assertThat(get(root.resolve("metrics/x")).statusCode()).isEqualTo(404);
    HttpRequest post =
        HttpRequest.newBuilder(root.resolve("metrics")).POST(BodyPublishers.noBody()).build();
    assertThat(client.send(post, BodyHandlers.ofString()).statusCode()).isEqualTo(405);
    HttpRequest head =
        HttpRequest.newBuilder(root.resolve("metrics"))
            .method("HEAD", BodyPublishers.noBody())
            .build();
    assertThat(client.send(head, BodyHandlers.ofString()).statusCode()).isEqualTo(200);

    Files.createFile(go);
    assertThat(cli.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    assertThat(cli.exitValue()).isEqualTo(3);
  }

  @Test
  void clients_thatNeverFinishTheirRequests_holdUpNobodyForLong() throws Exception {
    start("run", "--metrics-port", "0", "--", "sleep", "600");
    URI root = serving();
    List<Socket> slow = new ArrayList<>();
    try {
      for (int i = 0; i < 8; i++) {
        Socket socket = new Socket(root.getHost(), root.getPort());
        slow.add(socket);
        socket.getOutputStream().write("GET /met".getBytes(StandardCharsets.US_ASCII));
      }
      assertThat(get(root.resolve("healthz")).body()).isEqualTo("ok\n");
    } finally {
      for (Socket each : slow) {
        each.close();
      }
    }
  }

  @Test
  void attach_ofSeveral_servesThoseThatEndedToo() throws Exception {
    Process first = new ProcessBuilder("sleep", "600").start();
    Process second = new ProcessBuilder("sleep", "600").start();
    processes.addAll(List.of(first, second));
    try {
      Process cli =
          start(
              "attach",
              "--metrics-port",
              "0",
              "--pid",
              "" + first.pid(),
              "--pid",
              "" + second.pid());
      URI root = serving();
      awaitMetric(root, "ffrtmp_wrapper_active_jobs{mode=\"attach\"} 2.0");
      first.destroy();
      awaitMetric(root, "ffrtmp_wrapper_job_duration_seconds_count{mode=\"attach\"} 1");
      assertThat(get(root.resolve("metrics")).body())
          .contains("ffrtmp_wrapper_jobs_attached_total 2.0\n")
          .contains("ffrtmp_wrapper_active_jobs{mode=\"attach\"} 1.0\n");
      second.destroy();
      assertThat(cli.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
      assertThat(cli.exitValue()).isZero();
    } finally {
      first.destroyForcibly();
      second.destroyForcibly();
    }
  }

  @Test
  void violations_ofAJobWhoseLimitIsDenied_areJson() throws Exception {
    Process first = new ProcessBuilder("sleep", "600").start();
    Process second = new ProcessBuilder("sleep", "600").start();
    processes.addAll(List.of(first, second));
    // A limit on a device that does not exist is UNSUPPORTED on every host, for every user.
    start(
        "attach",
        "--metrics-port",
        "0",
        "--job-id",
        "it-metrics",
        "--io-max",
        "4095:1048575 rbps=1000000",
        "--pid",
        "" + first.pid(),
        "--pid",
        "" + second.pid());
    URI root = serving();
    awaitMetric(root, "ffrtmp_wrapper_active_jobs{mode=\"attach\"} 2.0");
    first.destroy();
    await("the violation")
        .atMost(PATIENCE)
        .until(() -> get(root.resolve("violations")).body().contains("it-metrics"));
    HttpResponse<String> answer = get(root.resolve("violations"));
    assertThat(answer.headers().firstValue("Content-Type")).contains("application/json");
    JsonNode all = new ObjectMapper().readTree(answer.body());
    assertThat(all).hasSize(1);
    assertThat(all.get(0).get("job_id").asText()).isEqualTo("it-metrics-" + first.pid());
    assertThat(all.get(0).get("reason").asText()).isEqualTo("limits_not_enforced");
    assertThat(all.get(0).get("pid").asLong()).isEqualTo(first.pid());
    second.destroy();
  }

  @Test
  void port_inUse_endsItBeforeAnythingIsStarted() throws Exception {
    Path started = scratch.resolve("started");
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      String port = "" + taken.getLocalPort();
      Cli.Outcome outcome =
          Cli.ffrtmp(scratch, "run", "--metrics-port", port, "--", "touch", started.toString());
      assertThat(outcome.status()).isEqualTo(Ffrtmp.NOT_GOVERNED);
      assertThat(outcome.err())
          .isEqualTo(
              "ffrtmp: can't serve metrics on 127.0.0.1, port "
                  + port
                  + ": Address already in use\n");
    }
    assertThat(started).doesNotExist();
  }

  @Test
  void port_thatIsNone_orAddressThatIsNotOurs_isRefused() throws Exception {
    Path started = scratch.resolve("started");
    for (String port : List.of("-1", "65536", "http")) {
      Cli.Outcome outcome =
          Cli.ffrtmp(scratch, "run", "--metrics-port", port, "--", "touch", started.toString());
      assertThat(outcome.status()).as(outcome.err()).isEqualTo(Ffrtmp.USAGE);
      assertThat(outcome.err()).contains("--metrics-port");
    }
    Cli.Outcome outcome =
        Cli.ffrtmp(
            scratch,
            "run",
            "--metrics-port",
            "0",
            "--metrics-address",
            "192.0.2.1", // of no host (RFC 5737)
            "--",
            "touch",
            started.toString());
    assertThat(outcome.status()).as(outcome.err()).isEqualTo(Ffrtmp.NOT_GOVERNED);
    assertThat(outcome.err()).contains("can't serve metrics on 192.0.2.1, port 0: ");
    assertThat(started).doesNotExist();
  }

  @Test
  void withoutAPort_nothingOfItIsLoaded() throws Exception {
    assertThat(loaded())
        .noneMatch(name -> name.matches(".*(micrometer|httpserver|MetricsServer).*"));
    assertThat(loaded("--metrics-port", "0")).anyMatch(name -> name.contains("MetricsServer"));
  }

  private List<String> loaded(String... options) throws Exception {
    Path log = Files.createTempFile(scratch, "classes", "");
    List<String> command =
        new ArrayList<>(
            List.of(
                System.getProperty("java.home") + "/bin/java",
                "-Xlog:class+load:file=" + log,
                "-jar",
                "target/ffrtmp.jar",
                "run"));
    command.addAll(List.of(options));
    command.addAll(List.of("--", "true"));
    assertThat(Cli.await(scratch, new ProcessBuilder(command)).status()).isZero();
    return Files.readAllLines(log);
  }
}
