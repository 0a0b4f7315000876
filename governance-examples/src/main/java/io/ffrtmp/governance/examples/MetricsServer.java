package io.ffrtmp.governance.examples;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.ffrtmp.governance.JobListener;
import io.ffrtmp.governance.Violation;
import io.ffrtmp.governance.ViolationLog;
import io.ffrtmp.governance.micrometer.GovernanceMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Executors;

/**
 * What listeners were told, by HTTP: {@code /metrics} for Prometheus, {@code /violations} as JSON,
 * {@code /healthz}. It only reads: nothing that is asked here changes anything. Thread-safe; at
 * most four are answered at a time, by daemon threads.
 */
final class MetricsServer {
  private static final int THREADS = 4;

  private final GovernanceMetrics metrics = new GovernanceMetrics();
  private final ViolationLog violations = new ViolationLog();
  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final HttpServer server;

  private MetricsServer(HttpServer server) {
    this.server = server;
    metrics.bindTo(registry);
    server.setExecutor(Executors.newFixedThreadPool(THREADS, MetricsServer::daemon));
    server.createContext("/", this::answer);
    server.start();
  }

  private static Thread daemon(Runnable task) {
    Thread thread = new Thread(task, "ffrtmp-metrics");
    thread.setDaemon(true);
    return thread;
  }

  /**
   * Listens until the JVM ends.
   *
   * @param port 0 takes any that is free
   * @throws IOException if the address is none of ours, or the port is in use or not permitted
   */
  static MetricsServer open(String address, int port) throws IOException {
    try {
      InetSocketAddress where = new InetSocketAddress(InetAddress.getByName(address), port);
      return new MetricsServer(HttpServer.create(where, 0));
    } catch (IOException e) {
      String place = address + ", port " + port;
      throw new IOException("can't serve metrics on " + place + ": " + e.getMessage(), e);
    }
  }

  /** Those who must be told by the governor. */
  List<JobListener> listeners() {
    return List.of(metrics, violations);
  }

  /** The root, with the port that was taken. */
  URI uri() {
    InetSocketAddress where = server.getAddress();
    String host = where.getAddress().getHostAddress();
    String quoted = host.contains(":") ? "[" + host + "]" : host;
    return URI.create("http://" + quoted + ":" + where.getPort() + "/");
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      String method = exchange.getRequestMethod();
      if (!method.equals("GET") && !method.equals("HEAD")) {
        exchange.getResponseHeaders().set("Allow", "GET, HEAD");
        send(exchange, 405, "text/plain; charset=utf-8", "only GET and HEAD\n");
        return;
      }
      switch (exchange.getRequestURI().getPath()) {
        case "/metrics" ->
            send(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", registry.scrape());
        case "/violations" -> send(exchange, 200, "application/json", json());
        case "/healthz" -> send(exchange, 200, "text/plain; charset=utf-8", "ok\n");
        default -> send(exchange, 404, "text/plain; charset=utf-8", "try /metrics\n");
      }
    }
  }

  private String json() {
    return Json.write(violations.newest().stream().map(Violation::toJson).toList()) + "\n";
  }

  private static void send(HttpExchange exchange, int status, String type, String text)
      throws IOException {
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", type);
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.sendResponseHeaders(status, -1);
      return;
    }
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
  }
}
