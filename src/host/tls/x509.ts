// It exports nothing: it adds to the global Reflect what @peculiar/x509 asks for when it is loaded.
import 'reflect-metadata'

export { Extension, X509Certificate, X509CertificateGenerator } from '@peculiar/x509'
