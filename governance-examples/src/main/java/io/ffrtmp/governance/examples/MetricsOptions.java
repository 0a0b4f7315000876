package io.ffrtmp.governance.examples;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where to be asked how it goes; nothing of it is loaded unless a port is given. */
final class MetricsOptions {
  @Option(
      names = "--metrics-port",
      paramLabel = "PORT",
      description =
          "Serve /metrics, /violations and /healthz by HTTP until it has ended; 0 takes any port.")
  private @Nullable Integer port;

  @Option(
      names = "--metrics-address",
      paramLabel = "ADDRESS",
      defaultValue = "127.0.0.1",
      description = "Serve them there; else on ${DEFAULT-VALUE}, which only this host reaches.")
  private String address = "127.0.0.1";

  /**
   * Listens, if that was asked for, and says where.
   *
   * @throws IllegalArgumentException if the port is none
   * @throws IOException if it can't listen there
   */
  Optional<MetricsServer> open(PrintWriter err) throws IOException {
    if (port == null) {
      return Optional.empty();
    }
    MetricsServer server = MetricsServer.open(address, port);
    Ffrtmp.say(err, "serving " + server.uri() + "metrics");
    return Optional.of(server);
  }
}
